-- KEYS: the old key
-- ARGV: the name of the move, the version that depart has read, how many
--       milliseconds the mark stays
-- Returns 'ok', or why the record stays as it is: 'none', 'deleted', 'renewed',
-- 'corrupt', 'moving' (see why), 'refused' when the move is no longer noted, or
-- 'changed' when the record has another version.

local key, move = KEYS[1], ARGV[1]

local found, rec = look(key)
if found ~= 'live' then
  return why(found, rec, key)
end
if not noted(rec, move) then
  return 'refused'
end
if rec.version ~= tonumber(ARGV[2]) then
  note(key, rec, move, nil)
  return 'changed'
end
redis.call('PEXPIRE', key, ARGV[3]) -- see leave
leave(key, 'renewed', ARGV[3], { w = string.sub(move .. (rec.notes.w or ''), 1, 8 * #move) })
return 'ok'
