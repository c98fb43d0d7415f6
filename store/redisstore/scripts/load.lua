-- KEYS: the record's
-- Returns the time to live in milliseconds and the fields of the hash, or what
-- is there in its place: 'none', 'deleted', 'renewed', 'corrupt' or 'moving'
-- (see why).
--
-- A script, because the two belong to one moment: between two commands another
-- client's change could slip, and the outcome would be a record that there never
-- was.

local found = look(KEYS[1])
if found ~= 'live' then
  return why(found, KEYS[1])
end
return { redis.call('PTTL', KEYS[1]), redis.call('HGETALL', KEYS[1]) }
