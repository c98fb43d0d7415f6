-- KEYS: the old key
-- ARGV: the name of the move, the version that depart has read, how many
--       milliseconds the mark stays
-- Returns 'ok', or why the record stays as it is: 'none', 'deleted', 'renewed',
-- 'corrupt', 'moving' (see why), 'refused' when the move is no longer noted, or
-- 'changed' when the record has another version.

local key, move = KEYS[1], ARGV[1]

local found, rec = look(key)
if found ~= 'live' then
  return why(found, key)
end
if not noted(key, move) then
  return 'refused'
end
if rec.version ~= ARGV[2] then
  redis.call('HDEL', key, '@' .. move)
  return 'changed'
end
leave(key, found, 'renewed', ARGV[3], move)
return 'ok'
