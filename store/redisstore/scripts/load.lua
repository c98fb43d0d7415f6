-- KEYS: the record's
-- Returns the time to live in milliseconds, the head, the subject and the state
-- of the record, the last two nil where there is none, or what is there in its
-- place: 'none', 'deleted', 'renewed', 'corrupt' or 'moving' (see why).
--
-- A script, because all of it belongs to one moment: between two commands
-- another client's change could slip, and the outcome would be a record that
-- there never was.

local found, rec = look(KEYS[1])
if found ~= 'live' then
  return why(found, KEYS[1])
end
return { rec.left, '1 ' .. rec.version .. ' ' .. rec.created, rec.subject, rec.data }
