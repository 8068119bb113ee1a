-- Removes a consumer that stops, unless entries are still in its hands (they would be forgotten).
--
-- KEYS 1 stream
-- ARGV 1 group   2 consumer
-- RETURNS 1 removed, 0 kept
local group, consumer = ARGV[1], ARGV[2]

local pending = redis.pcall('XPENDING', KEYS[1], group, '-', '+', 1, consumer)
if pending.err then return pending.err:find('NOGROUP', 1, true) and 1 or pending end
if #pending > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, consumer)
return 1
