-- How many shards of events there are: what the first process wrote.
--
-- KEYS 1 number of shards
-- ARGV 1 the number that this process is configured with
-- RETURNS the number that holds
local written = redis.call('GET', KEYS[1])
if written then return tonumber(written) end
redis.call('SET', KEYS[1], ARGV[1])
return tonumber(ARGV[1])
