-- Forgets what a person said about consent: the ledger and opt-ins go, of an opt-out the bare state and its time stay.
--
-- KEYS 1 registers `{p}:o`   2 ledger `{p}:h`
-- RETURNS number of entries that were removed or stripped; 0 when there is nothing more to forget
local erased = redis.call('HLEN', KEYS[2])
redis.call('DEL', KEYS[2])

local registers = redis.call('HGETALL', KEYS[1])
for i = 1, #registers, 2 do
  local sender, entry = registers[i], registers[i + 1]
  local bare = string.match(entry, '^o%d+')
  if not bare then
    redis.call('HDEL', KEYS[1], sender)
    erased = erased + 1
  elseif bare ~= entry then
    redis.call('HSET', KEYS[1], sender, bare)
    erased = erased + 1
  end
end
return erased
