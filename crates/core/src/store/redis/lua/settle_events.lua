-- Settles entries: each that is still in this consumer's hands is acknowledged, deleted and marked done.
--
-- KEYS 1 stream   2.. the marks of the events
-- ARGV 1 group   2 consumer   3 how long marks are kept, ms
--      4.. for each mark the position, and the delivery count that this consumer was given
-- RETURNS for each: 1 settled, 0 somebody else has it now (or it is gone): nothing changed
local group, consumer, mark_ms = ARGV[1], ARGV[2], ARGV[3]
local settled, positions, marks = {}, {}, {}
for at = 2, #KEYS do
  local position, deliveries = ARGV[2 * at], ARGV[2 * at + 1]
  -- All are asked for before one is changed: after an error reply nothing has been.
  local mine, failure = held(KEYS[1], group, consumer, position, deliveries)
  if failure then return failure end
  settled[at - 1] = mine and 1 or 0
  if mine then
    positions[#positions + 1] = position
    marks[#marks + 1] = KEYS[at]
  end
end
if #positions == 0 then return settled end

redis.call('XACK', KEYS[1], group, unpack(positions))
redis.call('XDEL', KEYS[1], unpack(positions))
for at, known in ipairs(redis.call('MGET', unpack(marks))) do
  if known then redis.call('SET', marks[at], 'D' .. known:sub(2), 'PX', mark_ms) end
end
return settled
