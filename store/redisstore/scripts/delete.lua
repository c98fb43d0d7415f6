-- KEYS: the record's
-- ARGV: how many milliseconds the mark stays, reach (see cover), the subject
--       that the record must have ('': any)
-- Returns 'ok', or why there was nothing to delete: 'none', 'deleted',
-- 'renewed' or 'moving' (see why). What is corrupt goes like any other record,
-- unless a subject is asked for: then it is 'corrupt'.

local key, grace, reach, subject = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

local found, rec = look(key)
if found ~= 'live' and (found ~= 'corrupt' or subject ~= '') then
  return why(found, rec, key)
end
if subject ~= '' and rec.subject ~= subject then
  return 'none'
end
redis.call('PEXPIRE', key, grace) -- see leave
leave(key, 'deleted', grace, rec and rec.notes)
if rec and rec.subject ~= '' and reach == 'here' then
  forget(key, rec.subject)
end
return 'ok'
