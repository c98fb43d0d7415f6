-- leave puts a mark under key, with those of the notes that outlast a record,
-- for grace milliseconds. A script that has changed nothing yet calls PEXPIRE
-- before: Redis refuses what sets when it is out of memory, but not after another
-- change. The key is never absent meanwhile: while its slot moves to another node
-- of a cluster, a key that is absent is not this node's any more, and the script
-- would end half-way.
local function leave(key, mark, grace, notes)
  redis.call('SET', key, cmsgpack.pack(mark, notes and notes.w and { w = notes.w } or false), 'PX', grace)
end
