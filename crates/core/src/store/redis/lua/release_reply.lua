-- Gives up the claim of a reply that certainly was not sent, and no longer counts it.
--
-- KEYS 1 claim (claim_reply.lua)   2 recent (claim_reply.lua)
-- ARGV 1 claim id, 12 bytes
-- RETURNS 1 released, 0 another's claim, or none, or sent
local claim = ARGV[1]

local record = redis.call('GET', KEYS[1])
if not record or record:byte(1) == 2 or record:sub(2, 13) ~= claim then return 0 end
local counted = record:sub(14, 19)
redis.call('DEL', KEYS[1])

local recent = redis.call('GET', KEYS[2]) or ''
for at = 1, #recent, 6 do
  if recent:sub(at, at + 5) == counted then
    local rest = recent:sub(1, at - 1) .. recent:sub(at + 6)
    if rest == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], rest, 'KEEPTTL') end
    break
  end
end
return 1
