-- KEYS: the index of a subject
-- ARGV: entries that were seen to be dead
-- Returns 'ok'. An entry that is new stays: its record may be on its way.

local index, dead = KEYS[1], {}
for _, entry in ipairs(ARGV) do
  if not redis.call('ZSCORE', index, '+' .. entry) then
    dead[#dead + 1] = entry
  end
end
chunked('ZREM', index, dead)
return 'ok'
