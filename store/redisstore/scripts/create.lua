-- KEYS: the record's
-- ARGV: TTL in milliseconds, created at, subject, reach and promised (see
--       cover), then state fields and their JSON texts in turn
-- Returns 'ok', what is in the way: 'live', 'corrupt' or 'moving' (see why), or
-- { 'index', subject, TTL } when the caller has to enter the record first.

local key, ttl, created, subject = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

local found = look(key)
if found == 'live' or found == 'corrupt' or found == 'moving' then
  return why(found, key)
end

local spare
if subject ~= '' then
  spare = cover(key, subject, tonumber(ttl), 0, ARGV[4], ARGV[5])
  if not spare then
    return { 'index', subject, tonumber(ttl) }
  end
end

redis.call('HSET', key, 'f', FORMAT, 'v', 1, 'c', created)
if found ~= 'none' then
  redis.call('HDEL', key, 'm') -- the mark of a record that has ended
end
if spare then
  redis.call('HSET', key, 's', subject, 'x', spare)
end
chunked('HSET', key, ARGV, 6, #ARGV)
redis.call('PEXPIRE', key, ttl)
return 'ok'
