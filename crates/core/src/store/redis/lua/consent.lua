-- Merges a statement of consent: the later one wins; at the same time, opting out wins.
--
-- KEYS 1 consent register
-- ARGV 1 state: in | out   2 event time, ms   3 event id   4 rule
-- RETURNS 1 changed, 0 an equal or later statement stands
local state, at, event, rule = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local known = redis.call('HMGET', KEYS[1], 'state', 'at')
local known_state, known_at = known[1], tonumber(known[2] or -1)
if at < known_at then return 0 end
if at == known_at and (known_state == 'out' or state == known_state) then return 0 end
redis.call('HSET', KEYS[1], 'state', state, 'at', ARGV[2], 'event', event, 'rule', rule)
return 1
