-- Counts a verified send of a subject. Never more than its sends: a check alone earns nothing.
--
-- KEYS 1 counts of unverified sends      ARGV 1 window, ms
-- RETURNS 1 counted, 0 there is no such send
local window = tonumber(ARGV[1])
local value = redis.call('GET', KEYS[1])
local c = read_counts(value, window, now_us())
if c[3] + c[5] >= c[2] + c[4] then return 0 end
c[3] = c[3] + 1
write_counts(KEYS[1], c, window)
return 1
