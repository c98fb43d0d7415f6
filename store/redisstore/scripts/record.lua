-- What a record is, for every script. Redis makes the functions of a script anew
-- whenever it runs one, a tenth of a microsecond for each: so they are few. A hash
-- a record:
--   h  its head: '1', which is the format of the record, its version, and when
--      it was created in milliseconds since 1970, with a blank between them
--   d  its state, packed by MessagePack: a map of keys to JSON texts; absent
--      where there is none
--   s  its subject; absent where nobody is signed in
--   x  with a subject: how many milliseconds longer than the record its entry
--      in the index of the subject lasts
-- It expires by the time to live of its key. The mark of a record that has
-- ended is a hash of its own under the same key:
--   m  'deleted' or 'renewed'
--   w  see move
-- On a cluster a record that moves from one slot to another has more fields;
-- move says which.

-- look says what is under key: 'none', 'deleted', 'renewed', 'corrupt',
-- 'moving', or 'live' and the record. A key of another type is an error for
-- HMGET, which must not end the script. Without a time to live it is not ours: a
-- record that never expires would be a session that never ends.
local function look(key)
  local left = redis.call('PTTL', key)
  if left == -2 then
    return 'none'
  end
  local fields = redis.pcall('HMGET', key, 'h', 'd', 's', 'x')
  if left < 0 or fields.err then
    return 'corrupt'
  end
  if not fields[1] then
    local mark, origin = unpack(redis.call('HMGET', key, 'm', 'p'))
    if origin then
      return 'moving'
    end
    return (mark == 'deleted' or mark == 'renewed') and mark or 'corrupt'
  end
  local version, created = string.match(fields[1], '^1 (%d+) (%-?%d+)$')
  if not version or #version > 14 or #created > 18 then
    return 'corrupt'
  end
  return 'live', { left = left, version = version, created = created, data = fields[2], subject = fields[3], spare = fields[4] }
end

-- file makes the hash under key hold rec, with its head in the field begin, in
-- the place of had, nil for nothing. It sets before it removes, because to set is
-- what fails where Redis is out of memory: nothing has changed then.
local function file(key, begin, rec, had)
  local head = '1 ' .. rec.version .. ' ' .. rec.created
  local subject, spare = had and had.subject or false, had and had.spare or false
  if rec.data and rec.subject == subject and rec.spare == spare then -- as most have it, at half the cost
    redis.call('HSET', key, begin, head, 'd', rec.data)
    return
  end
  local set, gone = { begin, head }, {}
  for part, field in pairs({ data = 'd', subject = 's', spare = 'x' }) do
    if rec[part] then
      set[#set + 1] = field
      set[#set + 1] = rec[part]
    elseif had and had[part] then
      gone[#gone + 1] = field
    end
  end
  redis.call('HSET', key, unpack(set))
  if #gone > 0 then
    redis.call('HDEL', key, unpack(gone))
  end
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
