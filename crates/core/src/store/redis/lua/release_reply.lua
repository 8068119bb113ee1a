-- Gives up the claim of a reply that certainly was not sent, and no longer counts it.
--
-- KEYS 1 claim (claim_reply.lua)   2 recent (claim_reply.lua)
-- ARGV 1 claim id, 12 bytes
-- RETURNS 1 released, 0 another's claim, or none, or sent, or not owed
local claim = ARGV[1]

local record = redis.call('GET', KEYS[1])
local final = record and (record:byte(1) == 2 or record:byte(1) == 4)
if not record or final or record:sub(2, 13) ~= claim then return 0 end
redis.call('DEL', KEYS[1])
uncount(KEYS[2], record:sub(14, 19))
return 1
