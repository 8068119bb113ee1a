-- Publishes an event once: look up, append, then mark. A mark written before a failed append would turn
-- the gateway's retry into a duplicate and lose the event.
--
-- KEYS 1 stream   2 mark of the identity   3 mark of a conflicting event
-- ARGV 1 event id   2 event id of a conflict   3 content digest, 8 bytes   4 envelope   5 original bytes
--      6 how long marks are kept, ms           7 how long entries are kept, ms (0: until settled)
-- RETURNS 1 new, 2 duplicate, 3 conflict, 4 healed
-- STATE the event is on the stream or was acted on; its mark lives for the full time again
--
-- A mark is: state 1 byte (L live, D done) | content digest 8 bytes | position of the entry.
local id, conflict_id, digest, envelope, raw = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local mark_ms, keep_ms = ARGV[6], tonumber(ARGV[7])
local NEW, DUPLICATE, CONFLICT, HEALED = 1, 2, 3, 4

local function append(mark, event_id, conflict)
  local position = redis.call('XADD', KEYS[1], '*', 'i', event_id, 'c', conflict, 'e', envelope, 'r', raw)
  redis.call('SET', mark, 'L' .. digest .. position, 'PX', mark_ms)
  if keep_ms > 0 then trim_to_age(KEYS[1], keep_ms) end
end

-- Known under this mark: a duplicate, unless it is marked live and its entry is gone.
local function repeated(mark, known, event_id, conflict)
  local position = known:sub(10)
  if known:sub(1, 1) == 'L' and #redis.call('XRANGE', KEYS[1], position, position) == 0 then
    append(mark, event_id, conflict)
    return HEALED
  end
  -- Every outcome writes, so that a wait for replicas covers the earlier append too.
  redis.call('PEXPIRE', mark, mark_ms)
  return DUPLICATE
end

local known = redis.call('GET', KEYS[2])
if not known then
  append(KEYS[2], id, '0')
  return NEW
end
if known:sub(2, 9) == digest then return repeated(KEYS[2], known, id, '0') end

known = redis.call('GET', KEYS[3])
if known then return repeated(KEYS[3], known, conflict_id, '1') end
append(KEYS[3], conflict_id, '1')
return CONFLICT
