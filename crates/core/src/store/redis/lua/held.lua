-- Shared by the scripts that act on an entry in a consumer's hands.

-- Whether the entry is still in this consumer's hands with this delivery count. Whoever claims it later has a higher
-- one, so a stale claim changes nothing. A second result is an error reply.
local function held(stream, group, consumer, position, deliveries)
  local answer = redis.pcall('XPENDING', stream, group, position, position, 1)
  -- A lost stream or group leaves nothing in anybody's hands; readers create it again.
  if answer.err then
    if answer.err:find('NOGROUP', 1, true) then return false end
    return false, answer
  end
  local pending = answer[1]
  return pending and pending[2] == consumer and pending[4] == tonumber(deliveries)
end

-- The fields of the entry at a position, by name; nil when it is gone.
local function fields_of(stream, position)
  local entry = redis.call('XRANGE', stream, position, position)[1]
  if not entry then return nil end
  local fields = {}
  for at = 1, #entry[2], 2 do fields[entry[2][at]] = entry[2][at + 1] end
  return fields
end

-- Takes an entry off the stream and out of everybody's hands.
local function take_off(stream, group, position)
  redis.call('XACK', stream, group, position)
  redis.call('XDEL', stream, position)
end

-- Gives the mark of an event another state, if there is one. `position` is where its entry is from now on.
local function remark(mark, state, position, mark_ms)
  local known = redis.call('GET', mark)
  if not known then return nil end
  redis.call('SET', mark, state .. known:sub(2, 9) .. (position or known:sub(10)), 'PX', mark_ms)
  return known:sub(2, 9)
end
