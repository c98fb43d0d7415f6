-- What a record is, for every script. A hash a record:
--   f  the format of the record, '1'
--   v  its version
--   c  when it was created, in milliseconds since 1970
--   s  its subject; absent where nobody is signed in
--   x  with a subject: how many milliseconds longer than the record its entry
--      in the index of the subject lasts
--   :k the JSON text of the state key k; the colon keeps the two kinds apart
-- It expires by the time to live of its key. The mark of a record that has
-- ended is a hash of its own under the same key:
--   f  as above
--   m  'deleted' or 'renewed'
--   w  see move
-- On a cluster a record that moves from one slot to another has more fields;
-- move says which.

local FORMAT = '1'

-- Longer numbers are not ours, and the next HINCRBY could fail half-way.
local function whole(text)
  return text and #text <= 18 and string.find(text, '^%-?%d+$')
end

-- look says what is under key: 'none', 'deleted', 'renewed', 'corrupt',
-- 'moving', or 'live' and the version. A key of another type is an error for
-- HMGET, which must not end the script. Without a time to live it is not ours: a
-- record that never expires would be a session that never ends.
local function look(key)
  local left = redis.call('PTTL', key)
  if left == -2 then
    return 'none'
  end
  local fields = redis.pcall('HMGET', key, 'f', 'v', 'c', 'm', 'p')
  if left < 0 or fields.err then
    return 'corrupt'
  end
  local format, version, created, mark, origin = unpack(fields)
  if format ~= FORMAT then
    return 'corrupt'
  end
  if origin then
    return 'moving'
  end
  if mark == 'deleted' or mark == 'renewed' then
    return mark
  end
  if mark or not whole(version) or not whole(created) then
    return 'corrupt'
  end
  return 'live', version
end

-- now gives the time of this server in milliseconds since 1970.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- why is what a script returns when it finds, under key, not what it needs: the
-- word of look, and for a record that moves there what tells how it stands,
-- and the mark that is there until it has arrived.
local function why(found, key)
  if found ~= 'moving' then
    return found
  end
  local origin, move, mark, over = unpack(redis.call('HMGET', key, 'p', 't', 'm', 'e'))
  if not mark or tonumber(over) <= now() then
    mark = 'none'
  end
  return { found, key, origin, move, mark }
end

-- chunked calls command on key with list[first] to list[last], some at a time:
-- Lua cannot unpack more than about 8000 values. The chunk is even, so that
-- fields and their values stay together.
local function chunked(command, key, list, first, last)
  for i = first, last, 1000 do
    redis.call(command, key, unpack(list, i, math.min(i + 999, last)))
  end
end

-- leave puts a mark, and nothing else but w, under key for grace milliseconds.
-- move, if there is one, is added to w. The key is never absent meanwhile, nor is
-- it anywhere else between two commands of a script: while its slot moves to
-- another node of a cluster, a key that is absent is not this node's any more,
-- and the script would end half-way. And what removes comes first, as Redis does
-- not refuse that when it is out of memory.
local function leave(key, mark, grace, move)
  if redis.call('TYPE', key).ok ~= 'hash' then
    redis.call('UNLINK', key)
  end
  local fields = {}
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if field ~= 'f' and field ~= 'w' then
      fields[#fields + 1] = field
    end
  end
  chunked('HDEL', key, fields, 1, #fields)
  redis.call('HSET', key, 'f', FORMAT, 'm', mark)
  if move then
    redis.call('HSET', key, 'w', string.sub(move .. (redis.call('HGET', key, 'w') or ''), 1, 8 * #move))
  end
  redis.call('PEXPIRE', key, grace)
end
