package redisstore

import (
	"embed"

	"github.com/redis/rueidis"
)

//go:embed scripts/*.lua
var scripts embed.FS

// source gives the scripts of these names, one after the other.
func source(names ...string) string {
	var all []byte
	for _, name := range names {
		one, err := scripts.ReadFile("scripts/" + name + ".lua")
		if err != nil {
			panic(err) // a name in this file is wrong
		}
		all = append(all, one...)
	}
	return string(all)
}

// A script that writes is never sent a second time: where the answer was lost,
// it may have run. One that only reads may be, as far as the client's settings
// and the call's context allow; so may one that does no more when it runs again.
var (
	createScript    = rueidis.NewLuaScript(source("record", "subject", "create"))
	loadScript      = rueidis.NewLuaScriptRetryable(source("record", "load"))
	updateScript    = rueidis.NewLuaScript(source("record", "subject", "merge", "update"))
	changeKeyScript = rueidis.NewLuaScript(source("record", "leave", "subject", "merge", "change_key"))
	deleteScript    = rueidis.NewLuaScript(source("record", "leave", "subject", "delete"))

	enterScript = rueidis.NewLuaScriptRetryable(source("record", "subject", "enter"))
	pruneScript = rueidis.NewLuaScriptRetryable(source("prune"))

	departScript   = rueidis.NewLuaScriptRetryable(source("record", "move", "depart"))
	arriveScript   = rueidis.NewLuaScript(source("record", "subject", "merge", "arrive"))
	commitScript   = rueidis.NewLuaScript(source("record", "leave", "move", "commit"))
	withdrawScript = rueidis.NewLuaScript(source("record", "move", "withdraw"))
	settleScript   = rueidis.NewLuaScriptRetryable(source("record", "move", "settle"))
	finishScript   = rueidis.NewLuaScriptRetryable(source("record", "leave", "finish"))
)
