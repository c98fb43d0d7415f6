-- KEYS: the record's
-- ARGV: TTL in milliseconds, created at, subject, then state fields and their
--       JSON texts in turn
-- Returns 'ok', or what is in the way: 'live' or 'corrupt'.

local key, ttl, created, subject = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

local found = look(key)
if found == 'live' or found == 'corrupt' then
  return found
end
if found ~= 'none' then
  redis.call('UNLINK', key) -- the mark of a record that has ended
end

redis.call('HSET', key, 'f', FORMAT, 'v', 1, 'c', created)
if subject ~= '' then
  redis.call('HSET', key, 's', subject)
end
chunked('HSET', key, ARGV, 4, #ARGV)
redis.call('PEXPIRE', key, ttl)
return 'ok'
