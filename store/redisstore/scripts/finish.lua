-- KEYS: the new key
-- ARGV: the name of the move, what settle said: 'committed' or 'over'
-- Returns 'ok'. A record that no longer is moving by this move stays as it is.

local key, move = KEYS[1], ARGV[1]

if redis.call('TYPE', key).ok ~= 'hash' then
  return 'ok'
end
local moving, begin, expires, mark, over = unpack(redis.call('HMGET', key, 't', 'q', 'z', 'm', 'e'))
if moving ~= move then
  return 'ok'
end
if ARGV[2] == 'committed' then
  redis.call('HDEL', key, 'p', 't', 'z', 'm', 'e') -- first, as Redis does not refuse it when it is out of memory
  redis.call('HSET', key, 'h', begin)
  redis.call('HDEL', key, 'q')
  redis.call('PEXPIREAT', key, expires)
elseif mark and tonumber(over) > now() then
  leave(key, 'moving', mark, tonumber(over) - now())
else
  redis.call('UNLINK', key)
end
return 'ok'
