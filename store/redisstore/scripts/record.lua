-- What a record is, for every script. A hash a record:
--   f  the format of the record, '1'
--   v  its version
--   c  when it was created, in milliseconds since 1970
--   s  its subject; absent where nobody is signed in
--   :k the JSON text of the state key k; the colon keeps the two kinds apart
-- It expires by the time to live of its key. The mark of a record that has
-- ended is a hash of its own under the same key:
--   f  as above
--   m  'deleted' or 'renewed'

local FORMAT = '1'

-- Longer numbers are not ours, and the next HINCRBY could fail half-way.
local function whole(text)
  return text and #text <= 18 and string.find(text, '^%-?%d+$')
end

-- look says what is under key: 'none', 'deleted', 'renewed', 'corrupt', or
-- 'live' and the version. It asks for the type first, as a command on a key of
-- another type would end the script with an error. Without a time to live it
-- is not ours: a record that never expires would be a session that never ends.
local function look(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then
    return 'none'
  end
  if kind ~= 'hash' or redis.call('PTTL', key) < 0 then
    return 'corrupt'
  end
  local format, version, created, mark = unpack(redis.call('HMGET', key, 'f', 'v', 'c', 'm'))
  if format ~= FORMAT then
    return 'corrupt'
  end
  if mark == 'deleted' or mark == 'renewed' then
    return mark
  end
  if mark or not whole(version) or not whole(created) then
    return 'corrupt'
  end
  return 'live', version
end

-- chunked calls command on key with list[first] to list[last], some at a time:
-- Lua cannot unpack more than about 8000 values. The chunk is even, so that
-- fields and their values stay together.
local function chunked(command, key, list, first, last)
  for i = first, last, 1000 do
    redis.call(command, key, unpack(list, i, math.min(i + 999, last)))
  end
end

-- leave puts a mark, and nothing else, under key for grace milliseconds.
local function leave(key, mark, grace)
  redis.call('UNLINK', key)
  redis.call('HSET', key, 'f', FORMAT, 'm', mark)
  redis.call('PEXPIRE', key, grace)
end
