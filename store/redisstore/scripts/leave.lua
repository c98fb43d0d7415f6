-- chunked calls command on key with all that is in list, some at a time: Lua
-- cannot unpack more than about 8000 values.
local function chunked(command, key, list)
  for i = 1, #list, 1000 do
    redis.call(command, key, unpack(list, i, math.min(i + 999, #list)))
  end
end

-- leave puts a mark, and nothing else but w, under key, which holds what look
-- has found, for grace milliseconds. move, if there is one, is added to w. The
-- key is never absent meanwhile, nor is it anywhere else between two commands of
-- a script: while its slot moves to another node of a cluster, a key that is
-- absent is not this node's any more, and the script would end half-way. And
-- what sets comes after another change, as Redis does not refuse it then when it
-- is out of memory.
local function leave(key, found, mark, grace, move)
  if found == 'corrupt' and redis.call('TYPE', key).ok ~= 'hash' then
    redis.call('UNLINK', key)
    redis.call('HSET', key, 'm', mark)
    redis.call('PEXPIRE', key, grace)
    return
  end
  redis.call('PEXPIRE', key, grace)
  redis.call('HSET', key, 'm', mark)
  if move then
    redis.call('HSET', key, 'w', string.sub(move .. (redis.call('HGET', key, 'w') or ''), 1, 8 * #move))
  end
  redis.call('HDEL', key, 'h', 'd', 's', 'x')
  if redis.call('HLEN', key) == 1 then -- as it is but on a cluster
    return
  end
  local fields = {}
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if field ~= 'm' and field ~= 'w' then
      fields[#fields + 1] = field
    end
  end
  chunked('HDEL', key, fields)
end
