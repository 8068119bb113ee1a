-- Puts a dead letter back on the stream, as if it had just come, or drops it.
--
-- KEYS 1 dead letters   2 stream   3 mark of the event
-- ARGV 1 position of the dead letter   2 how long the mark is kept, ms   3 1 back on the stream, 0 dropped
-- RETURNS 1 done, 0 it was gone already
-- STATE back: the mark is live again, without failures. Dropped: the mark says done.
local position, mark_ms = ARGV[1], ARGV[2]

local fields = fields_of(KEYS[1], position)
if not fields then return 0 end
redis.call('XDEL', KEYS[1], position)
if ARGV[3] == '1' then
  local back = redis.call('XADD', KEYS[2], '*', 'i', fields.i, 'c', fields.c, 'e', fields.e, 'r', fields.r)
  redis.call('SET', KEYS[3], 'L' .. fields.d .. back, 'PX', mark_ms)
else
  redis.call('SET', KEYS[3], 'D' .. fields.d, 'PX', mark_ms)
end
return 1
