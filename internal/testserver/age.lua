local key, ms = KEYS[1], tonumber(ARGV[1])
local left = redis.call('PTTL', key)
if left < 0 then -- it never expires, or is gone
  return
end
local value = redis.pcall('GET', key)
local sound, parts = pcall(function() return { cmsgpack.unpack(value) } end)
-- Where a record says when it expires, which one that is moving says twice.
local places = sound and ({ [1] = { 5 }, moving = { 5, 11 } })[parts[1]] or {}
for _, place in ipairs(places) do
  if type(parts[place]) == 'number' then
    parts[place] = parts[place] - ms
    redis.call('SET', key, cmsgpack.pack(unpack(parts)), 'KEEPTTL')
  end
end
redis.call('PEXPIRE', key, left - ms) -- removes what has nothing left
