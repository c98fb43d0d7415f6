-- KEYS: the old key
-- ARGV: the version that the record must have (0: any), the name of the move,
--       how many milliseconds it may take
-- Returns 'live', the TTL in milliseconds, the version, when it was created, the
-- subject and the state of the record, the last two '' where there is none, or
-- why there is no move: 'none', 'deleted', 'renewed', 'corrupt', 'conflict' or
-- 'moving' (see why).

local key = KEYS[1]

local found, rec = look(key)
if found ~= 'live' then
  return why(found, key)
end
if ARGV[1] ~= '0' and ARGV[1] ~= rec.version then
  return 'conflict'
end
redis.call('HSET', key, '@' .. ARGV[2], now() + ARGV[3])
return { found, rec.left, rec.version, rec.created, rec.subject or '', rec.data or '' }
