-- KEYS: the old key
-- ARGV: the version that the record must have (0: any), the name of the move,
--       how many milliseconds it may take
-- Returns 'live', the TTL in milliseconds, the version, the subject and the
-- record, without notes, or why there is no move: 'none', 'deleted', 'renewed',
-- 'corrupt', 'conflict' or 'moving' (see why).

local key = KEYS[1]

local found, rec = look(key)
if found ~= 'live' then
  return why(found, rec, key)
end
if ARGV[1] ~= '0' and tonumber(ARGV[1]) ~= rec.version then
  return 'conflict'
end
note(key, rec, ARGV[2], now() + ARGV[3])
rec.notes = false
return { found, rec.left, rec.version, rec.subject, pack(rec) }
