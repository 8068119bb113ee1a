-- Stores a new token and frees the lease, if the lease is still the owner's.
--
-- KEYS 1 token   2 lease   3 block
-- ARGV 1 owner id   2 token id, hex   3 lifetime ms   4 sealed token
-- RETURNS 1 stored, 0 the lease had ended
-- STATE the token expires when it does at the gateway; the lease and any block are gone
local owner, id, lifetime, sealed = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('GET', KEYS[2]) ~= owner then
  -- A repeat of the call that stored it, or too late.
  local token = redis.call('GET', KEYS[1])
  return token and token:sub(1, #id + 1) == id .. '|' and 1 or 0
end
local time = redis.call('TIME')
local expires = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(lifetime)
redis.call('SET', KEYS[1], table.concat({ id, string.format('%.0f', expires), lifetime, sealed }, '|'), 'PX', lifetime)
redis.call('DEL', KEYS[2], KEYS[3])
return 1
