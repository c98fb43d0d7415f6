// Package config holds the configuration of the library: what can be set, the
// defaults, where it is read from and what is allowed.
//
// [Default] is the starting point of every configuration. [Load] overrides it
// with a file (YAML or JSON, under the key session) and with the environment
// (variables that begin with SESSION_); a program can also change the fields of
// what Default returns. [SessionConfig.Validate] reports everything that is
// wrong with a configuration at once.
//
// Secrets are values of the types [Key] and [Secret], which every way of
// printing and logging redacts; only [Write] writes them out.
//
// The package knows nothing of sessions, stores or HTTP, and imports no other
// package of this module.
package config
