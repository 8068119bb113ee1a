-- Forgets a phone, and leaves a mark with the time. The keys that its index names were read before; if the index has
-- changed since, nothing happens and the caller reads it again.
--
-- KEYS 1 sends `{p}:w`   2 messages `{p}:m`   3 erasure mark `{p}:x`   4.. what goes with them, of the same phone
-- ARGV 1 the sends that were read, or ''      2 the messages that were read, or ''
--      3 how long the mark is kept, ms
-- RETURNS number of keys that existed, or -1 when the index has changed
local function is(key, expected)
  return (redis.call('GET', key) or '') == expected
end
if not is(KEYS[1], ARGV[1]) or not is(KEYS[2], ARGV[2]) then return -1 end

local erased = redis.call('DEL', KEYS[1], KEYS[2])
for i = 4, #KEYS do
  erased = erased + redis.call('DEL', KEYS[i])
end
local time = redis.call('TIME')
redis.call('SET', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000), 'PX', ARGV[3])
return erased
