-- Asks whether a gateway may be called.
--
-- KEYS 1 breaker `{b<name>}:b`, a hash: failures (in a row), until (ms: open until then), opened (times in a row),
--        probe (ms: the one call of a half-open breaker is expected back until then), spent (tenths of retries)
-- ARGV 1 how long that one call may take, ms     2 how long the record is kept, ms
-- RETURNS {1} it may be called    {2} it may be called by this caller alone    {0, wait ms} it is left alone
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'until', 'opened', 'probe')
if not known[2] or known[2] == '0' then return { 1 } end

local busy_until = math.max(tonumber(known[1] or 0), tonumber(known[3] or 0))
if busy_until > now then return { 0, busy_until - now } end
redis.call('HSET', KEYS[1], 'probe', string.format('%.0f', now + ARGV[1]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { 2 }
