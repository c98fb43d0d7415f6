-- KEYS: the old key
-- ARGV: the name of a move, '1' to end it if it is not committed yet
-- Returns 'committed', 'open' when it may yet be, or 'over' when it never will.

local key, move = KEYS[1], ARGV[1]

local found, rec = look(key)
local gone = rec and rec.notes and rec.notes.w
if gone and string.find(gone, move, 1, true) then
  return 'committed'
end
if found ~= 'live' or not noted(rec, move) then
  return 'over'
end
if ARGV[2] == '1' then
  note(key, rec, move, nil)
  return 'over'
end
return 'open'
