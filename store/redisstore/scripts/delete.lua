-- KEYS: the record's
-- ARGV: how many milliseconds the mark stays
-- Returns 'ok', or why there was nothing to delete: 'none', 'deleted' or
-- 'renewed'. What is corrupt goes like any other record.

local found = look(KEYS[1])
if found ~= 'live' and found ~= 'corrupt' then
  return found
end
leave(KEYS[1], 'deleted', ARGV[1])
return 'ok'
