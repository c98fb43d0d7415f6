-- KEYS: the new key
-- ARGV: see merge; then the old key, the name of the move, the name of one
--       before it that may be replaced (''), how many milliseconds the record
--       has to live if the change brings no TTL, how many it may be moving, the
--       number of values in the following list, and the fields and values of
--       the record in turn
-- Returns 'ok' and the version, or what is in the way: 'duplicate', 'corrupt' or 'moving' (see
-- why), or { 'index', subject, TTL } when the caller has to enter the record
-- first.

local key, ttl = KEYS[1], tonumber(ARGV[2])
local origin, move, before, left, patience, copied = ARGV[9], ARGV[10], ARGV[11], tonumber(ARGV[12]), ARGV[13], tonumber(ARGV[14])
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

local fields, subject = {}, ''
for i = 15, 14 + copied, 2 do
  -- What belongs to the old key stays there.
  if string.sub(ARGV[i], 1, 1) ~= '@' and ARGV[i] ~= 'w' and ARGV[i] ~= 'x' then
    fields[#fields + 1] = ARGV[i]
    fields[#fields + 1] = ARGV[i + 1]
    if ARGV[i] == 's' then
      subject = ARGV[i + 1]
    end
  end
end
if ARGV[4] == '1' then
  subject = ARGV[5]
end
local spare
if subject ~= '' then
  spare = cover(key, subject, ttl, 0, ARGV[6], ARGV[7])
  if not spare then
    return { 'index', subject, ttl }
  end
end

local over
if found == 'deleted' or found == 'renewed' then
  over = now() + redis.call('PTTL', key)
end
redis.call('HSET', key, 'p', origin, 't', move, 'z', now() + ttl)
if found == 'moving' then -- what an attempt of ours has left: all but what was there before it
  local stale = {}
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if not string.find(field, '^[ptzmew]$') then
      stale[#stale + 1] = field
    end
  end
  chunked('HDEL', key, stale, 1, #stale)
end
if over then
  redis.call('HSET', key, 'e', over)
end
chunked('HSET', key, fields, 1, #fields)
local version = merge(key, 15 + copied)
if spare then
  redis.call('HSET', key, 'x', spare)
end
redis.call('PEXPIRE', key, patience)
return { 'ok', version }
