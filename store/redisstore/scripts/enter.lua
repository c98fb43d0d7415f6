-- KEYS: the index of a subject
-- ARGV: the entry, how many milliseconds it lasts
-- Returns 'ok'.

enter(KEYS[1], ARGV[1], tonumber(ARGV[2]))
return 'ok'
