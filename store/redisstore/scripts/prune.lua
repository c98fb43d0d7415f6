-- KEYS: the index of a subject
-- ARGV: entries that were seen to be dead
-- Returns 'ok'. An entry that is new stays: its record may be on its way.

local index, dead = KEYS[1], {}
for _, entry in ipairs(ARGV) do
  if not redis.call('ZSCORE', index, '+' .. entry) then
    dead[#dead + 1] = entry
  end
end
for i = 1, #dead, 1000 do -- Lua cannot unpack more than about 8000 values
  redis.call('ZREM', index, unpack(dead, i, math.min(i + 999, #dead)))
end
return 'ok'
