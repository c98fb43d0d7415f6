-- KEYS: the record's
-- ARGV: see merge
-- Returns the version, or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict', 'moving' (see why), or { 'index', subject, TTL } when
-- the caller has to enter the record first.

local key = KEYS[1]

local found, rec = look(key)
if found == 'live' and ARGV[1] ~= '0' and tonumber(ARGV[1]) ~= rec.version then -- no function, see record
  found = 'conflict'
end
if found ~= 'live' then
  return why(found, rec, key)
end
if not merge(rec, 9) then
  return 'corrupt'
end
local signed = rec.subject
local ask = sign(rec, key, key)
if ask then
  return ask
end
if ARGV[2] ~= '0' then
  redis.call('SET', key, pack(rec), 'PX', ARGV[2])
else
  redis.call('SET', key, pack(rec), 'KEEPTTL')
end
resign(rec, signed, key, key)
return rec.version
