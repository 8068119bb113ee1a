-- Records how a claimed reply ended, if the claim is still the caller's.
--
-- KEYS 1 claim (claim_reply.lua)   2 recent (claim_reply.lua)
-- ARGV 1 claim id, 12 bytes   2 state: 2 sent, 3 unknown, 4 not owed
-- RETURNS 1 recorded, 0 another's claim, or none
-- STATE unknown may turn out to be sent, since whoever sent it knows best; what was sent stays sent; what is not owed
--       was not sent and is no longer counted
local claim, state = ARGV[1], tonumber(ARGV[2])
local SENT, NOT_OWED = 2, 4

local record = redis.call('GET', KEYS[1])
if not record or record:sub(2, 13) ~= claim then return 0 end
local before = record:byte(1)
if before == SENT then state = SENT end
redis.call('SETRANGE', KEYS[1], 0, string.char(state))
if state == NOT_OWED and before ~= NOT_OWED then uncount(KEYS[2], record:sub(14, 19)) end
return 1
