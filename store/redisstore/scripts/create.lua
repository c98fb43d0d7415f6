-- KEYS: the record's
-- ARGV: TTL in milliseconds, created at, subject, reach and promised (see
--       cover), the state as the record has it, '' for none
-- Returns 'ok', what is in the way: 'live', 'corrupt' or 'moving' (see why), or
-- { 'index', subject, TTL } when the caller has to enter the record first.

local key, ttl, created, subject, data = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[6]

local found = look(key)
if found == 'live' or found == 'corrupt' or found == 'moving' then
  return why(found, key)
end

local rec = { version = 1, created = created, data = data ~= '' and data, subject = subject ~= '' and subject, spare = false }
if rec.subject then
  local spare = cover(key, subject, tonumber(ttl), 0, ARGV[4], ARGV[5])
  if not spare then
    return { 'index', subject, tonumber(ttl) }
  end
  rec.spare = spare
end

file(key, 'h', rec)
if found ~= 'none' then
  redis.call('HDEL', key, 'm') -- the mark of a record that has ended
end
redis.call('PEXPIRE', key, ttl)
return 'ok'
