-- What the scripts that change a record share.
-- ARGV: the version that the record must have (0: any), TTL in milliseconds
--       (0: as it is), '1' to clear, '1' to set the subject, the subject, reach
--       and promised (see cover), the number of state fields to remove. After
--       these, and whatever the script has of its own: the fields to remove,
--       then the fields to set and their JSON texts in turn.

-- check is look, and 'conflict' where the record has another version.
local function check(key)
  local found, version = look(key)
  if found == 'live' and ARGV[1] ~= '0' and ARGV[1] ~= version then
    return 'conflict'
  end
  return found, version
end

-- prepare sees to the index before the record under from becomes, under to,
-- what ARGV says. It returns nil, or what the script has to return because the
-- caller has to enter the record first; and a function that does, after merge,
-- what is left to do.
local function prepare(from, to)
  local ttl, signs, reach, promised = tonumber(ARGV[2]), ARGV[4], ARGV[6], ARGV[7]
  if from == to and ttl == 0 and signs == '0' then
    return nil, function() end
  end
  local before, spare = unpack(redis.call('HMGET', from, 's', 'x'))
  local after = before
  if signs == '1' then
    after = ARGV[5] ~= '' and ARGV[5]
  end
  local left = redis.call('PTTL', from)
  if ttl == 0 then
    ttl = left
  end

  local kept
  if after then
    local held = 0
    if from == to and before == after and whole(spare) then
      held = left + spare
    end
    kept = cover(to, after, ttl, held, reach, promised)
    if not kept then
      return { 'index', after, ttl }
    end
  end
  return nil, function()
    if kept then
      redis.call('HSET', to, 'x', kept)
    else
      redis.call('HDEL', to, 'x')
    end
    if before and reach == 'here' and (before ~= after or from ~= to) then
      forget(from, before)
    end
  end
end

-- merge does to the record under key what ARGV says, but for the TTL, and returns
-- its version. first is where its lists begin.
local function merge(key, first)
  local clear, signs, subject, removed = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[8])

  -- First, because it is what fails where Redis is out of memory: nothing has
  -- changed then, and what follows a write is no longer refused.
  local version = redis.call('HINCRBY', key, 'v', 1)

  if clear == '1' then
    local fields = {}
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.sub(field, 1, 1) == ':' then
        fields[#fields + 1] = field
      end
    end
    chunked('HDEL', key, fields, 1, #fields)
  end
  -- Removed before set: a key that is in both is written.
  chunked('HDEL', key, ARGV, first, first + removed - 1)
  chunked('HSET', key, ARGV, first + removed, #ARGV)

  if signs == '1' then
    if subject == '' then
      redis.call('HDEL', key, 's')
    else
      redis.call('HSET', key, 's', subject)
    end
  end
  return version
end

-- extend gives the record under key the TTL that ARGV says.
local function extend(key)
  if ARGV[2] ~= '0' then
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
