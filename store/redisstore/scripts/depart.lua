-- KEYS: the old key
-- ARGV: the version that the record must have (0: any), the name of the move,
--       how many milliseconds it may take
-- Returns the version, the TTL in milliseconds and the fields of the record, or
-- why there is no move: 'none', 'deleted', 'renewed', 'corrupt', 'conflict' or
-- 'moving' (see why).

local key = KEYS[1]

local found, version = look(key)
if found ~= 'live' then
  return why(found, key)
end
if ARGV[1] ~= '0' and ARGV[1] ~= version then
  return 'conflict'
end
local fields = redis.call('HGETALL', key)
redis.call('HSET', key, '@' .. ARGV[2], now() + ARGV[3])
return { 'live', version, redis.call('PTTL', key), fields }
