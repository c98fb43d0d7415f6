-- KEYS: the record's, the one that it is to have
-- ARGV: see merge; the ninth is how many milliseconds the mark stays
-- Returns 'ok' and the version, or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict', 'moving' (see why), { 'index', subject, TTL } when the
-- caller has to enter the record first or, where the new key is taken,
-- 'duplicate'.

local from, to, grace = KEYS[1], KEYS[2], ARGV[9]

local found = check(from)
if found ~= 'live' then
  return why(found, from)
end
local taken = look(to)
if taken == 'live' then
  return 'duplicate'
elseif taken == 'corrupt' or taken == 'moving' then
  return why(taken, to)
end
local ask, complete = prepare(from, to)
if ask then
  return ask
end

-- As in merge: what fails where Redis is out of memory comes first. Of both
-- keys, w stays where it is: it is of the key, not of the record.
redis.call('HSET', to, 'f', FORMAT)
if taken ~= 'none' then
  redis.call('HDEL', to, 'm')
end
local fields, left = redis.call('HGETALL', from), redis.call('PTTL', from)
for i = #fields - 1, 1, -2 do
  if fields[i] == 'w' or string.sub(fields[i], 1, 1) == '@' then
    table.remove(fields, i + 1)
    table.remove(fields, i)
  end
end
chunked('HSET', to, fields, 1, #fields)
redis.call('PEXPIRE', to, left)
local version = merge(to, 10)
extend(to)
complete()
leave(from, 'renewed', grace)
return { 'ok', version }
