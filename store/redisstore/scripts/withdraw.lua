-- KEYS: the old key
-- ARGV: the name of the move, the version that the record must have (0: any)
-- Takes the note of a move back that found the new key taken. Returns 'ok' if
-- the record was there all the time since depart; else 'refused', or what is
-- there: 'none', 'deleted', 'renewed', 'corrupt', 'conflict' or 'moving' (see
-- why).

local key, move = KEYS[1], ARGV[1]

local found, rec = look(key)
if found ~= 'live' then
  return why(found, rec, key)
end
if not noted(rec, move) then
  return 'refused'
end
note(key, rec, move, nil)
if ARGV[2] ~= '0' and tonumber(ARGV[2]) ~= rec.version then
  return 'conflict'
end
return 'ok'
