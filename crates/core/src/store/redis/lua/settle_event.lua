-- Settles an entry: acknowledged, deleted and marked done, if it is still in this consumer's hands.
--
-- KEYS 1 stream   2 mark of the event
-- ARGV 1 group   2 consumer   3 position   4 delivery count that this consumer was given
--      5 how long the mark is kept, ms
-- RETURNS 1 settled, 0 somebody else has it now (or it is gone): nothing changed
local group, consumer, position, deliveries, mark_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

local answer = redis.pcall('XPENDING', KEYS[1], group, position, position, 1)
-- A lost stream or group leaves nothing in anybody's hands; readers create it again.
if answer.err then return answer.err:find('NOGROUP', 1, true) and 0 or answer end
local pending = answer[1]
if not pending or pending[2] ~= consumer or pending[4] ~= deliveries then return 0 end
redis.call('XACK', KEYS[1], group, position)
redis.call('XDEL', KEYS[1], position)
local mark = redis.call('GET', KEYS[2])
if mark then redis.call('SET', KEYS[2], 'D' .. mark:sub(2), 'PX', mark_ms) end
return 1
