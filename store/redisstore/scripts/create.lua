-- KEYS: the record's
-- ARGV: TTL in milliseconds, created at, subject, reach and promised (see
--       cover), the state as the record has it, '' for none
-- Returns the time of this server, in milliseconds since 1970; what is in the way:
-- 'live', 'corrupt' or 'moving' (see why); or { 'index', subject, TTL } when the
-- caller has to enter the record first.

local key, ttl, created, subject, data = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[6]

local found, there = look(key)
if found == 'live' or found == 'corrupt' or found == 'moving' then
  return why(found, there, key)
end

local time = now()
local rec = { notes = there and there.notes or false, version = 1, created = created, expires = time + ttl, spare = 0, subject = subject, data = data }
if subject ~= '' then
  rec.spare = cover(key, subject, tonumber(ttl), 0, ARGV[4], ARGV[5])
  if not rec.spare then
    return { 'index', subject, tonumber(ttl) }
  end
end

redis.call('SET', key, pack(rec), 'PX', ttl)
return time
