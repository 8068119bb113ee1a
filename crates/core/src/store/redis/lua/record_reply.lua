-- Records how a claimed reply ended, if the claim is still the caller's.
--
-- KEYS 1 claim (claim_reply.lua)
-- ARGV 1 claim id, 12 bytes   2 state: 2 sent, 3 unknown
-- RETURNS 1 recorded, 0 another's claim, or none
-- STATE unknown may turn out to be sent, since whoever sent it knows best; what was sent stays sent
local claim, state = ARGV[1], tonumber(ARGV[2])

local record = redis.call('GET', KEYS[1])
if not record or record:sub(2, 13) ~= claim then return 0 end
if record:byte(1) == 2 then state = 2 end
redis.call('SETRANGE', KEYS[1], 0, string.char(state))
return 1
