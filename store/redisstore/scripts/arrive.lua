-- KEYS: the new key
-- ARGV: see merge; then the old key, the name of the move, the name of one
--       before it that may be replaced (''), how many milliseconds the record
--       has to live if the change brings no TTL, how many it may be moving, and
--       what depart has returned of the record, from its version on
-- Returns 'ok' and the version, or what is in the way: 'duplicate', 'corrupt' or 'moving' (see
-- why), or { 'index', subject, TTL } when the caller has to enter the record
-- first.

local key, ttl = KEYS[1], tonumber(ARGV[2])
local origin, move, before, left, patience = ARGV[9], ARGV[10], ARGV[11], tonumber(ARGV[12]), ARGV[13]
if ttl == 0 then
  ttl = left
end

local found = look(key)
if found == 'live' then
  return 'duplicate'
elseif found == 'corrupt' then
  return found
elseif found == 'moving' and redis.call('HGET', key, 't') ~= before then
  return why(found, key)
end

local departed = {
  left = left,
  version = ARGV[14],
  created = ARGV[15],
  subject = ARGV[16] ~= '' and ARGV[16],
  data = ARGV[17] ~= '' and ARGV[17],
  spare = false,
}
local rec = merge(departed, 18)
if not rec then
  return 'corrupt'
end
local ask = sign(rec, departed, origin, key)
if ask then
  return ask
end

local over
if found == 'deleted' or found == 'renewed' then
  over = now() + redis.call('PTTL', key)
end
redis.call('HSET', key, 'p', origin, 't', move, 'z', now() + ttl)
if found == 'moving' then -- what an attempt of ours has left: all but what was there before it
  redis.call('HDEL', key, 'q', 'd', 's', 'x')
end
if over then
  redis.call('HSET', key, 'e', over)
end
file(key, 'q', rec)
redis.call('PEXPIRE', key, patience)
return { 'ok', rec.version }
