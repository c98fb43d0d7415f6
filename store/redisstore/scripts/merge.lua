-- What the scripts that change a record share.
-- ARGV: the version that the record must have (0: any), TTL in milliseconds
--       (0: as it is), '1' to clear, '1' to set the subject, the subject, reach
--       and promised (see cover), the number of state keys to remove. After
--       these, and whatever the script has of its own: the keys to remove, then
--       the keys to set and their JSON texts in turn.

-- merge makes of rec what becomes of its state and version by ARGV; it returns
-- false if its state is none. first is where the lists begin.
local function merge(rec, first)
  local clear, removed = ARGV[3] == '1', tonumber(ARGV[8])
  if clear or #ARGV >= first then
    local state, readable = {}, true
    if rec.data and not clear then
      readable, state = pcall(cmsgpack.unpack, rec.data)
      if not readable or type(state) ~= 'table' then
        return false
      end
    end
    -- Removed before set: a key that is in both is written.
    for i = first, first + removed - 1 do
      state[ARGV[i]] = nil
    end
    for i = first + removed, #ARGV, 2 do
      state[ARGV[i]] = ARGV[i + 1]
    end
    rec.data = next(state) ~= nil and cmsgpack.pack(state)
  end
  rec.version = rec.version + 1
  return true
end

-- sign gives rec, which is to be filed under the key to, the expiry, the subject and
-- the spare that ARGV means it to have, and sees to the index first. It returns nil,
-- or what the script has to return because the caller has to enter the record
-- before.
local function sign(rec, from, to)
  local ttl, signs, reach, promised = tonumber(ARGV[2]), ARGV[4], ARGV[6], ARGV[7]
  if from == to and ttl == 0 and signs == '0' then
    return nil
  end
  local time = now()
  local held = 0
  if from == to and (signs == '0' or ARGV[5] == rec.subject) then
    -- Who gave the key more to live by hand did not tell the index.
    held = math.min(rec.left, rec.expires - time) + rec.spare
  end
  if ttl == 0 then
    ttl = rec.left
  end
  rec.expires = time + ttl
  if signs == '1' then
    rec.subject = ARGV[5]
  end
  rec.spare = 0
  if rec.subject == '' then
    return nil
  end
  rec.spare = cover(to, rec.subject, ttl, held, reach, promised)
  if not rec.spare then
    return { 'index', rec.subject, ttl }
  end
  return nil
end

-- resign takes the record that was under from, of signed, out of the index that
-- it is no longer in.
local function resign(rec, signed, from, to)
  if signed ~= '' and ARGV[6] == 'here' and (signed ~= rec.subject or from ~= to) then
    forget(from, signed)
  end
end
