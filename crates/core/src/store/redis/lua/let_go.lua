-- Lets a quarantined webhook go that was published as an event, and marks its body done.
--
-- KEYS 1 quarantine stream   2 mark of the body
-- ARGV 1 position   2 how long the mark is kept, ms
-- RETURNS 1 removed, 0 it was gone already
-- STATE the entry is gone; a copy of the body is a duplicate for the full time again, unless another entry has
--       the mark by now
local position, mark_ms = ARGV[1], ARGV[2]

local removed = redis.call('XDEL', KEYS[1], position)
local mark = redis.call('GET', KEYS[2])
if mark and mark:sub(10) == position then
  redis.call('SET', KEYS[2], 'D' .. mark:sub(2), 'PX', mark_ms)
end
return removed
