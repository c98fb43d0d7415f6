-- KEYS: the record's, the one that it is to have
-- ARGV: see merge; the ninth is how many milliseconds the mark stays
-- Returns 'ok' and the version, or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict', 'moving' (see why), { 'index', subject, TTL } when the
-- caller has to enter the record first or, where the new key is taken,
-- 'duplicate'.

local from, to, grace = KEYS[1], KEYS[2], ARGV[9]

local found, before = look(from)
if found == 'live' and ARGV[1] ~= '0' and ARGV[1] ~= before.version then -- no function, see record
  found = 'conflict'
end
if found ~= 'live' then
  return why(found, from)
end
local taken = look(to)
if taken == 'live' then
  return 'duplicate'
elseif taken == 'corrupt' or taken == 'moving' then
  return why(taken, to)
end
local rec = merge(before, 10)
if not rec then
  return 'corrupt'
end
local ask = sign(rec, before, from, to)
if ask then
  return ask
end

-- What fails where Redis is out of memory comes first, as in file. Of both keys,
-- w stays where it is: it is of the key, not of the record.
file(to, 'h', rec)
if taken ~= 'none' then
  redis.call('HDEL', to, 'm')
end
redis.call('PEXPIRE', to, ARGV[2] ~= '0' and ARGV[2] or before.left)
resign(rec, before, from, to)
leave(from, found, 'renewed', grace)
return { 'ok', rec.version }
