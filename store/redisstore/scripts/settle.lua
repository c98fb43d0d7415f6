-- KEYS: the old key
-- ARGV: the name of a move, '1' to end it if it is not committed yet
-- Returns 'committed', 'open' when it may yet be, or 'over' when it never will.

local key, move = KEYS[1], ARGV[1]

if redis.call('TYPE', key).ok ~= 'hash' then
  return 'over'
end
local gone = redis.call('HGET', key, 'w')
if gone and string.find(gone, move, 1, true) then
  return 'committed'
end
if not noted(key, move) then
  return 'over'
end
if ARGV[2] == '1' then
  redis.call('HDEL', key, '@' .. move)
  return 'over'
end
return 'open'
