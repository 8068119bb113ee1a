-- Discards exactly the token that was refused; a newer one stays.
--
-- KEYS 1 token
-- ARGV 1 token id, hex
-- RETURNS 1 discarded, 0 another token is there, or none
local id = ARGV[1] .. '|'

local token = redis.call('GET', KEYS[1])
if token and token:sub(1, #id) == id then return redis.call('DEL', KEYS[1]) end
return 0
