package redisstore

import (
	"embed"

	"github.com/redis/rueidis"
)

//go:embed scripts/*.lua
var scripts embed.FS

// text gives the scripts of these names, one after the other.
func text(names ...string) string {
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
	createScript    = rueidis.NewLuaScript(text("record", "subject", "create"))
	loadScript      = rueidis.NewLuaScriptRetryable(text("record", "load"))
	updateScript    = rueidis.NewLuaScript(text("record", "subject", "merge", "update"))
	changeKeyScript = rueidis.NewLuaScript(text("record", "subject", "merge", "change_key"))
	deleteScript    = rueidis.NewLuaScript(text("record", "subject", "delete"))

	enterScript = rueidis.NewLuaScriptRetryable(text("record", "subject", "enter"))
	pruneScript = rueidis.NewLuaScriptRetryable(text("record", "prune"))

	departScript   = rueidis.NewLuaScriptRetryable(text("record", "move", "depart"))
	arriveScript   = rueidis.NewLuaScript(text("record", "subject", "merge", "move", "arrive"))
	commitScript   = rueidis.NewLuaScript(text("record", "move", "commit"))
	withdrawScript = rueidis.NewLuaScript(text("record", "move", "withdraw"))
	settleScript   = rueidis.NewLuaScriptRetryable(text("record", "move", "settle"))
	finishScript   = rueidis.NewLuaScriptRetryable(text("record", "move", "finish"))
)
