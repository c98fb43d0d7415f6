package redisstore

// Dial is what connections are made with.
var Dial = dial
