-- Reads the shared token, or takes the renewal lease.
--
-- KEYS 1 token `id|expires at ms|lifetime ms|sealed`   2 lease   3 block `problem`
-- ARGV 1 owner id   2 lease ms   3 renew when this many ms are left
-- RETURNS {1, id, sealed, remaining ms, renew 0|1}   a valid token; renew: the caller holds the lease
--         {2} none, and the caller holds the lease    {3} none, another host renews
--         {4, problem, wait ms} none, and nobody may ask now
local owner, lease, renew_below = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- The lease, for the first who asks and for a repeat of that call.
local function take_lease()
  return redis.call('SET', KEYS[2], owner, 'NX', 'PX', lease) or redis.call('GET', KEYS[2]) == owner
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local token = redis.call('GET', KEYS[1])
if token then
  local id, expires, lifetime, at = token:match('^(%x+)|(%d+)|(%d+)|()')
  local remaining = tonumber(expires) - now
  if remaining > 0 then
    -- A token that lives for minutes is renewed in its last quarter.
    local renew = 0
    if remaining <= math.min(renew_below, tonumber(lifetime) / 4) and redis.call('EXISTS', KEYS[3]) == 0
      and take_lease() then
      renew = 1
    end
    return { 1, id, token:sub(at), remaining, renew }
  end
end
local problem = redis.call('GET', KEYS[3])
if problem then return { 4, problem, math.max(redis.call('PTTL', KEYS[3]), 1) } end
if take_lease() then return { 2 } end
return { 3 }
