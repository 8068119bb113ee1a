-- Which delayed events are due. Changes nothing.
--
-- KEYS 1 due times
-- ARGV 1 how many at most
-- RETURNS {ms until the next one that is not due yet (-1: none), event ids that are due}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local next_due = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return { next_due[2] and tonumber(next_due[2]) - now or -1, due }
