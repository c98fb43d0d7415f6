-- KEYS: the new key
-- ARGV: the name of the move, what settle said: 'committed' or 'over'
-- Returns 'ok'. A record that no longer is moving by this move stays as it is.

local key, move = KEYS[1], ARGV[1]

local found, rec = look(key)
if found ~= 'moving' or rec.move ~= move then
  return 'ok'
end
local time = now()
if ARGV[2] == 'committed' and rec.expires > time then
  redis.call('PEXPIRE', key, rec.expires - time) -- see leave
  redis.call('SET', key, rec.record, 'PX', rec.expires - time)
elseif ARGV[2] ~= 'committed' and rec.before and rec.before[2] > time then
  redis.call('PEXPIRE', key, rec.before[2] - time)
  leave(key, rec.before[1], rec.before[2] - time, rec.notes)
else
  redis.call('UNLINK', key)
end
return 'ok'
