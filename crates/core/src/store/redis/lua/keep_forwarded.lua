-- Adds destinations that have an event. By nature the same when it is repeated.
--
-- KEYS 1 names `{f<event id>}:fd`, a set
-- ARGV 1 how long it is kept, ms     2… names of destinations, at least one
-- RETURNS how many are new
local added = redis.call('SADD', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return added
