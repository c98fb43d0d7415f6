package redisstore

import (
	_ "embed"

	"github.com/redis/rueidis"
)

var (
	//go:embed scripts/record.lua
	recordLua string
	//go:embed scripts/merge.lua
	mergeLua string
	//go:embed scripts/create.lua
	createLua string
	//go:embed scripts/load.lua
	loadLua string
	//go:embed scripts/update.lua
	updateLua string
	//go:embed scripts/change_key.lua
	changeKeyLua string
	//go:embed scripts/delete.lua
	deleteLua string
)

// A script that writes is never sent a second time: where the answer was lost,
// it may have run. One that only reads may be, as far as the client's settings
// and the call's context allow.
var (
	createScript    = rueidis.NewLuaScript(recordLua + createLua)
	loadScript      = rueidis.NewLuaScriptRetryable(recordLua + loadLua)
	updateScript    = rueidis.NewLuaScript(recordLua + mergeLua + updateLua)
	changeKeyScript = rueidis.NewLuaScript(recordLua + mergeLua + changeKeyLua)
	deleteScript    = rueidis.NewLuaScript(recordLua + deleteLua)
)
