-- Keeps the outcome of a send under its idempotency key, if the claim is still this send's.
--
-- KEYS 1 record `{i<name>}:k` (claim_key.lua)
-- ARGV 1 send id, 12 bytes     2 outcome
-- RETURNS 1 kept, 0 not this send's
local record = redis.call('GET', KEYS[1])
if not record or record:sub(18, 29) ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], '\2' .. record:sub(2, 29) .. struct.pack('>I6', now) .. ARGV[2], 'KEEPTTL')
return 1
