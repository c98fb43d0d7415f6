-- KEYS: the record's
-- ARGV: see merge
-- Returns 'ok', or why nothing was changed: 'none', 'deleted', 'renewed',
-- 'corrupt' or 'conflict'.

local found = check(KEYS[1])
if found ~= 'live' then
  return found
end
merge(KEYS[1], 7)
return 'ok'
