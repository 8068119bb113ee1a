-- Redeems a receipt, once.
--
-- KEYS 1 receipts `{p}:r`
-- ARGV 1 id of the receipt, 12 bytes     2 id of this redemption, 12 bytes
-- RETURNS 1 redeemed (or a repeat of that redemption), 0 unknown, ended or redeemed before
local id, request = ARGV[1], ARGV[2]

local packed = redis.call('GET', KEYS[1])
if not packed then return 0 end
for at = 1, #packed, 30 do
  local known, ends, redeemer = struct.unpack('>c12I6c12', packed, at)
  if known == id and ends > now_ms() and (redeemer == NOBODY or redeemer == request) then
    redis.call('SETRANGE', KEYS[1], at + 17, request)
    return 1
  end
end
return 0
