-- What update and change_key share.
-- ARGV: the version that the record must have (0: any), TTL in milliseconds
--       (0: as it is), '1' to clear, '1' to set the subject, the subject, the
--       number of state fields to remove. After these, and whatever the script
--       has of its own: the fields to remove, then the fields to set and their
--       JSON texts in turn.

-- check is look, and 'conflict' where the record has another version.
local function check(key)
  local found, version = look(key)
  if found == 'live' and ARGV[1] ~= '0' and ARGV[1] ~= version then
    return 'conflict'
  end
  return found
end

-- merge does to the live record under key what ARGV says. first is where its
-- lists begin.
local function merge(key, first)
  local ttl, clear, signs, subject, removed = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

  -- First, because it is what fails where Redis is out of memory: nothing has
  -- changed then, and what follows a write is no longer refused.
  redis.call('HINCRBY', key, 'v', 1)

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
  if ttl ~= '0' then
    redis.call('PEXPIRE', key, ttl)
  end
end
