-- KEYS: the record's, the one that it is to have
-- ARGV: see merge; the seventh is how many milliseconds the mark stays
-- Returns 'ok', or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict' or, where the new key is taken, 'duplicate'.

local from, to, grace = KEYS[1], KEYS[2], ARGV[7]

local found = check(from)
if found ~= 'live' then
  return found
end
local taken = look(to)
if taken == 'live' then
  return 'duplicate'
elseif taken == 'corrupt' then
  return taken
end

merge(from, 8)
redis.call('RENAME', from, to) -- takes the time to live along, and the place of a mark
leave(from, 'renewed', grace)
return 'ok'
