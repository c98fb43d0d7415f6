package testserver

import _ "embed"

// Age is a script for Redis that takes as many milliseconds as its argument says
// from what is under its key, which is one of a store of package redisstore, has to
// live.
//
//go:embed age.lua
var Age string
