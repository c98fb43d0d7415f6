-- What is under a key, for every script. Redis makes the functions of a script
-- anew whenever it runs one, a tenth of a microsecond for each: so they are few.
-- It is one string, of MessagePack values one after the other. A record:
--   1, which is its format; notes; its version; when it was created, and when it
--   expires by the clock of the server, in milliseconds since 1970; spare; its
--   subject, '' where nobody is signed in; and its state, a map of keys to JSON
--   texts, absent where there is none.
-- spare is how many milliseconds longer than the record its entry in the index
-- of its subject lasts; 0 without a subject. The mark of a record that has ended:
--   'deleted' or 'renewed'; notes.
-- Both expire by the time to live of their key. A record says it, too, for who reads
-- many in one step. notes are false, but on a cluster, where a record moves from one
-- slot to another; move says more.

-- read takes apart what is under a key: 'live', 'moving', 'deleted' or 'renewed',
-- and the parts; 'corrupt' where it is none of them. Numbers are such as Lua counts
-- with exactly, which are those below 9e15.
local function read(value)
  local sound, at, kind, notes, a, b, c, d, e = pcall(cmsgpack.unpack_limit, value, 7)
  if not sound or notes ~= false and type(notes) ~= 'table' then
    return 'corrupt'
  end
  for name, value in pairs(notes or {}) do
    if type(name) ~= 'string' or type(value) ~= 'string' and type(value) ~= 'number' then
      return 'corrupt'
    end
  end
  local rest = at ~= -1 and string.sub(value, at + 1) -- -1 is the end
  if kind == 1 and type(a) == 'number' and type(b) == 'number' and type(c) == 'number' and type(d) == 'number' and type(e) == 'string' and
      a > 0 and a < 9e15 and b > -9e15 and b < 9e15 and c > 0 and c < 9e15 and d >= 0 and d < 9e15 and a % 1 + b % 1 + c % 1 + d % 1 == 0 then
    return 'live', { notes = notes, version = a, created = b, expires = c, spare = d, subject = e, data = rest }
  elseif kind == 'moving' and type(a) == 'string' and type(b) == 'string' and type(c) == 'number' and c < 9e15 and
      (d == false or type(d) == 'table' and (d[1] == 'deleted' or d[1] == 'renewed') and type(d[2]) == 'number' and d[2] < 9e15) and e == 1 and rest then
    return kind, { notes = notes, origin = a, move = b, expires = c, before = d, record = '\1' .. rest }
  elseif (kind == 'deleted' or kind == 'renewed') and a == nil then
    return kind, { notes = notes }
  end
  return 'corrupt'
end

-- now gives the time of this server in milliseconds since 1970.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- look is read of what is under key, with how many milliseconds that has left;
-- 'none' where there is nothing. A key of another type is an error for GET, which
-- must not end the script. Without a time to live it is not ours: a record that
-- never expires would be a session that never ends.
local function look(key)
  local value = redis.pcall('GET', key)
  if not value then
    return 'none'
  elseif type(value) ~= 'string' then
    if string.find(value.err, 'WRONGTYPE', 1, true) then
      return 'corrupt'
    end
    error(value.err)
  end
  local left = redis.call('PTTL', key)
  if left < 0 then
    return 'corrupt'
  end
  local found, rec = read(value)
  if rec then
    rec.left = left > 0 and left or 1 -- in its last millisecond it has 0, and is still there
  end
  return found, rec
end

-- pack is the reverse of read, for a record.
local function pack(rec)
  return cmsgpack.pack(1, rec.notes, rec.version, rec.created, rec.expires, rec.spare, rec.subject) .. (rec.data or '')
end

-- why is what a script returns when it finds, under key, not what it needs: the
-- word of look, and for a record that moves there what tells how it stands,
-- and the mark that is there until it has arrived.
local function why(found, rec, key)
  if found ~= 'moving' then
    return found
  end
  local mark = 'none'
  if rec.before and rec.before[2] > now() then
    mark = rec.before[1]
  end
  return { found, key, rec.origin, rec.move, mark }
end
