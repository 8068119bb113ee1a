-- Writes another number of shards, if the number is still the one that was looked at.
--
-- KEYS 1 number of shards
-- ARGV 1 the number that was looked at, empty for none   2 the number from now on
-- RETURNS 1 written, 0 it was another one by now
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
