-- KEYS: the record's, the one that it is to have
-- ARGV: see merge; the ninth is how many milliseconds the mark stays
-- Returns the version, or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict', 'moving' (see why), { 'index', subject, TTL } when the
-- caller has to enter the record first or, where the new key is taken,
-- 'duplicate'.

local from, to, grace = KEYS[1], KEYS[2], ARGV[9]

local found, rec = look(from)
if found == 'live' and ARGV[1] ~= '0' and tonumber(ARGV[1]) ~= rec.version then -- no function, see record
  found = 'conflict'
end
if found ~= 'live' then
  return why(found, rec, from)
end
local taken, there = look(to)
if taken == 'live' then
  return 'duplicate'
elseif taken == 'corrupt' or taken == 'moving' then
  return why(taken, there, to)
end
if not merge(rec, 10) then
  return 'corrupt'
end
local signed = rec.subject
local ask = sign(rec, from, to)
if ask then
  return ask
end

local notes = rec.notes
rec.notes = there and there.notes or false -- they are of the key, not of the record
redis.call('SET', to, pack(rec), 'PX', ARGV[2] ~= '0' and ARGV[2] or rec.left)
leave(from, 'renewed', grace, notes)
resign(rec, signed, from, to)
return rec.version
