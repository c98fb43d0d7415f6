-- KEYS: the record's
-- ARGV: see merge
-- Returns 'ok' and the version, or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict', 'moving' (see why), or { 'index', subject, TTL } when
-- the caller has to enter the record first.

local key = KEYS[1]

local found, before = look(key)
if found == 'live' and ARGV[1] ~= '0' and ARGV[1] ~= before.version then -- no function, see record
  found = 'conflict'
end
if found ~= 'live' then
  return why(found, key)
end
local rec = merge(before, 9)
if not rec then
  return 'corrupt'
end
local ask = sign(rec, before, key, key)
if ask then
  return ask
end
file(key, 'h', rec, before)
if ARGV[2] ~= '0' then
  redis.call('PEXPIRE', key, ARGV[2])
end
resign(rec, before, key, key)
return { 'ok', rec.version }
