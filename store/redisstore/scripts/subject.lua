-- The index of a subject, for the scripts that need it: a sorted set with the
-- keys of its records, without the namespace, each with the time at which the
-- entry is over. An entry is made before its record, with time to spare, so
-- that most extensions of a record need not touch it; and a record without an
-- entry is not possible. An entry without a record is: whoever meets it looks,
-- and prunes it. For a minute, the entry '+' and a key says that one is new:
-- its record may still be on its way.
--
-- The name has a hash of the subject: subjects are of any length, and names of
-- keys turn up in logs. Two subjects that share a hash share an index, and
-- nothing else, as the subject in the record is what counts.

local NEW = 60000

-- index_of gives the index of subject, and the entry there of the record under
-- key.
local function index_of(key, subject)
  return string.sub(key, 1, -33) .. 'subject:' .. redis.sha1hex(subject), string.sub(key, -32)
end

-- enter makes the index have entry for lasts milliseconds, or longer. It adds
-- before it removes, because to add is what fails where Redis is out of
-- memory: nothing has changed then.
local function enter(index, entry, lasts)
  local time = now()
  local over = redis.call('ZSCORE', index, entry)
  if not over or tonumber(over) < time + lasts then
    over = time + lasts
  end
  redis.call('ZADD', index, over, entry, time + NEW, '+' .. entry)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', time)
  if redis.call('PTTL', index) < lasts then
    redis.call('PEXPIRE', index, lasts)
  end
end

-- cover sees to it that the index of subject has the record under key before
-- that lives for ttl milliseconds. held is how long the index is known to have
-- it. It returns how much longer than the record the entry lasts. Where the
-- index is out of reach, as it is on a cluster, reach is not 'here' but for how
-- long the caller has entered the record for the subject promised; if that is
-- not enough, cover returns nil.
local function cover(key, subject, ttl, held, reach, promised)
  if held >= ttl then
    return held - ttl
  end
  if reach == 'here' then
    local index, entry = index_of(key, subject)
    enter(index, entry, 2 * ttl + NEW)
    return ttl + NEW / 2 -- what passes from one command of a script to the next adds up
  end
  if promised == subject and tonumber(reach) >= ttl then
    return tonumber(reach) - ttl
  end
  return nil
end

-- forget takes the record under key from the index of subject.
local function forget(key, subject)
  local index, entry = index_of(key, subject)
  redis.call('ZREM', index, entry, '+' .. entry)
end
