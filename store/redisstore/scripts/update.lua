-- KEYS: the record's
-- ARGV: see merge
-- Returns 'ok' and the version, or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict', 'moving' (see why), or { 'index', subject, TTL } when
-- the caller has to enter the record first.

local key = KEYS[1]

local found = check(key)
if found ~= 'live' then
  return why(found, key)
end
local ask, complete = prepare(key, key)
if ask then
  return ask
end
local version = merge(key, 9)
extend(key)
complete()
return { 'ok', version }
