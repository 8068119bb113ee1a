-- Gives an entry back: the next sweep takes it at once, and this start is not counted.
--
-- KEYS 1 stream
-- ARGV 1 group   2 consumer   3 position   4 delivery count that this consumer was given   5 lease ms
-- RETURNS 1 given back, 0 somebody else has it now
local group, consumer, position, deliveries, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

local mine, failure = held(KEYS[1], group, consumer, position, deliveries)
if not mine then return failure or 0 end
redis.call('XCLAIM', KEYS[1], group, consumer, 0, position, 'IDLE', lease, 'RETRYCOUNT', deliveries - 1, 'JUSTID')
return 1
