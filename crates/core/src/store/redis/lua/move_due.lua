-- Puts delayed events back on the stream whose time has come.
--
-- KEYS 1 stream   2 due times   3 delayed entries   4.. the marks of the events
-- ARGV 1 how long marks are kept, ms   2.. event ids, one for each mark
-- RETURNS how many were moved: the others are not due, or another process has moved them
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local moved = 0
for at = 2, #ARGV do
  local id, mark = ARGV[at], KEYS[at + 2]
  local due = redis.call('ZSCORE', KEYS[2], id)
  local packed = due and tonumber(due) <= now and redis.call('HGET', KEYS[3], id)
  if packed then
    local fields = delayed_fields(id, packed)
    -- Where nobody knows since when it is tried, that is now.
    local since = fields.w or time[1] .. '000'
    local position = redis.call('XADD', KEYS[1], '*', 'i', fields.i, 'c', fields.c, 'e', fields.e, 'r', fields.r,
      'a', fields.a, 'f', fields.f, 'l', fields.l, 'w', since)
    redis.call('ZREM', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    remark(mark, 'L', position, ARGV[1])
    moved = moved + 1
  elseif due and tonumber(due) <= now then
    -- Its entry was lost: there is nothing to move.
    redis.call('ZREM', KEYS[2], id)
  end
end
return moved
