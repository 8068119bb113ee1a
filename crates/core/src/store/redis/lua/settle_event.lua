-- Settles an entry: acknowledged, deleted and marked done, if it is still in this consumer's hands.
--
-- KEYS 1 stream   2 mark of the event
-- ARGV 1 group   2 consumer   3 position   4 delivery count that this consumer was given
--      5 how long the mark is kept, ms
-- RETURNS 1 settled, 0 somebody else has it now (or it is gone): nothing changed
local group, position = ARGV[1], ARGV[3]

local mine, failure = held(KEYS[1], group, ARGV[2], position, ARGV[4])
if not mine then return failure or 0 end
take_off(KEYS[1], group, position)
remark(KEYS[2], 'D', nil, ARGV[5])
return 1
