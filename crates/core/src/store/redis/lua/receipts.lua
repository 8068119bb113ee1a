-- Shared by the scripts that know receipts (key `{p}:r`): (id 12, end 6 in ms, redeemer 12, zeros: nobody yet)*.
-- They live in one short key of the phone, so nothing has to be searched for when it is erased.
local RECEIPTS_AT_MOST, NOBODY = 16, string.rep('\0', 12)

local function add_receipt(key, id, now, lifetime)
  local packed = redis.call('GET', key) or ''
  local kept = {}
  for at = 1, #packed, 30 do
    if struct.unpack('>I6', packed, at + 12) > now then kept[#kept + 1] = packed:sub(at, at + 29) end
  end
  while #kept >= RECEIPTS_AT_MOST do table.remove(kept, 1) end
  kept[#kept + 1] = struct.pack('>c12I6c12', id, now + lifetime, NOBODY)
  redis.call('SET', key, table.concat(kept), 'PX', lifetime)
end
