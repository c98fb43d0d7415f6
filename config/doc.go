// Package config holds the configuration of the library: what can be set, the
// defaults, where it is read from and what is allowed.
//
// [Default] is the starting point of every configuration. [Load] puts a file
// (YAML or JSON, under the key session) and the environment (variables that
// begin with SESSION_) over it; a program may as well change the fields of
// what Default returns. [SessionConfig.Validate] says all that is wrong with
// a configuration at once.
//
// Secrets are values of the types [Key] and [Secret], which every way of
// printing and logging redacts; [Write] is the one way to write them out.
//
// The package knows nothing of sessions, stores or HTTP, and imports no other
// package of this module.
package config
