-- Gives an idempotency key back: nothing was sent and nothing decided.
--
-- KEYS 1 record `{i<name>}:k` (claim_key.lua)
-- ARGV 1 send id, 12 bytes
-- RETURNS 1 released, 0 not in flight for this send
local record = redis.call('GET', KEYS[1])
if not record or record:byte(1) ~= 1 or record:sub(18, 29) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
