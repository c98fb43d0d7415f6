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
-- A record that is moving is, in MessagePack as in record:
--   'moving'; notes; the old key; the name of the move, of a fixed length; when
--   the record expires, by this server's clock; false, or the mark that was there
--   before and when that is over; and the record
-- It expires before the mark that commit leaves can be over, so that settle can
-- always tell, and after the last moment at which commit is done. The notes of
-- the record under the old key say, of each move that is under way:
--   @t until when move t may be committed, by this server's clock
-- and those of the key, whatever comes to be under it:
--   w  the names of the last moves from it

-- noted says whether the move under way from a record can still be committed.
local function noted(rec, move)
  local last = rec.notes and rec.notes['@' .. move]
  return last and now() <= last
end

-- note makes the notes of the record under key say of a move until when it may
-- be committed; nil for nothing. What is over goes.
local function note(key, rec, move, last)
  local notes, time = {}, now()
  for name, value in pairs(rec.notes or {}) do
    if string.sub(name, 1, 1) ~= '@' or value >= time then
      notes[name] = value
    end
  end
  notes['@' .. move] = last
  rec.notes = next(notes) ~= nil and notes
  redis.call('SET', key, pack(rec), 'KEEPTTL')
end
