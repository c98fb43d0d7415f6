-- How a record gets from a key to another in a different slot, which no script
-- can do at once. Five steps, each a script on one key:
--
--   depart   on the old key: reads the record, and notes the move
--   arrive   on the new key: writes the changed record, as one that is moving
--   commit   on the old key: replaces the record by the mark 'renewed', if the
--            move is still noted and the record is as depart has read it
--   finish   on the new key: the record is no longer moving
--   settle   on the old key, by others that meet the moving record: whether
--            commit was
--
-- The record is under the old key until commit, and under the new one from then
-- on: who meets it moving settles before it answers. A move that was never
-- committed changes nothing.
--
-- A record that is moving has these fields beside its own, and no h:
--   p  the old key
--   t  the name of the move, of a fixed length
--   q  its head
--   z  when the record expires, by this server's clock
--   m  the mark that was there before, if there was one
--   e  when that mark is over
-- It expires before the mark that commit leaves can be over, so that settle can
-- always tell, and after the last moment at which commit is done. The record
-- under the old key notes each move that is under way:
--   @t until when move t may be committed, by this server's clock
-- and the key remembers in w the names of the last moves from it, whatever
-- comes to be under it.

-- noted says whether the move under way from key can still be committed.
local function noted(key, move)
  local last = redis.call('HGET', key, '@' .. move)
  return last and now() <= tonumber(last)
end
