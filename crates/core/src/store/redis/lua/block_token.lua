-- Frees the owner's lease and tells the fleet not to ask for a token for a while.
--
-- KEYS 1 lease   2 block
-- ARGV 1 owner id   2 problem: 1 credentials refused, 2 unavailable   3 ms
-- RETURNS 1
local owner, problem, wait = ARGV[1], ARGV[2], ARGV[3]

if redis.call('GET', KEYS[1]) == owner then redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[2], problem, 'PX', wait)
return 1
