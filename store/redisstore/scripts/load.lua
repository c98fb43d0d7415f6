-- KEYS: the record's
-- Returns the time to live in milliseconds and the record, without notes, or what
-- is there in its place: 'none', 'deleted', 'renewed', 'corrupt' or 'moving' (see
-- why).

local found, rec = look(KEYS[1])
if found ~= 'live' then
  return why(found, rec, KEYS[1])
end
rec.notes = false
return { rec.left, pack(rec) }
