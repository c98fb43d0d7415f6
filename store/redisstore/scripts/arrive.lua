-- KEYS: the new key
-- ARGV: see merge; then the old key, the name of the move, the name of one
--       before it that may be replaced (''), how many milliseconds the record
--       has to live if the change brings no TTL, how many it may be moving, and
--       the record that depart has returned
-- Returns the version, or what is in the way: 'duplicate', 'corrupt' or 'moving' (see
-- why), or { 'index', subject, TTL } when the caller has to enter the record
-- first.

local key = KEYS[1]
local origin, move, before, left, patience = ARGV[9], ARGV[10], ARGV[11], tonumber(ARGV[12]), ARGV[13]

local found, there = look(key)
if found == 'live' then
  return 'duplicate'
elseif found == 'corrupt' or found == 'moving' and there.move ~= before then
  return why(found, there, key)
end

local _, rec = read(ARGV[14])
rec.left = left
if not merge(rec, 15) then
  return 'corrupt'
end
local ask = sign(rec, origin, key)
if ask then
  return ask
end

local mark = false
if found == 'moving' then -- what an attempt of ours has left
  mark = there.before
elseif found ~= 'none' then
  mark = { found, now() + there.left }
end
rec.notes = there and there.notes or false
redis.call('SET', key, cmsgpack.pack('moving', rec.notes, origin, move, rec.expires, mark) .. pack(rec), 'PX', patience)
return rec.version
