-- Erases an event that is kept, in whose hands it may be: afterwards nobody can settle it or put it off.
--
-- KEYS 1 stream, dead letters, quarantine, or the delayed entries   2 mark of the event   3 due times
-- ARGV 1 position, or the event id of a delayed entry   2 how long the mark is kept, ms   3 1 a delayed entry, 0 a stream's
-- RETURNS 1 erased, 0 it was gone already
-- STATE the mark says done, so that a copy of the webhook is not stored again
local position = ARGV[1]

local gone
if ARGV[3] == '1' then
  gone = redis.call('HDEL', KEYS[1], position)
  redis.call('ZREM', KEYS[3], position)
else
  local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
  if not groups.err then
    for _, group in ipairs(groups) do redis.call('XACK', KEYS[1], group[2], position) end
  end
  gone = redis.call('XDEL', KEYS[1], position)
end
if gone == 1 then remark(KEYS[2], 'D', '', ARGV[2]) end
return gone
