-- Removes consumers whose process is gone, and shows that this one is there.
--
-- A name with entries in its hands stays, however long it was silent: with it, they would be forgotten. Sweeps take
-- them over first. Redis before 7.2 does not take a read that finds nothing for a sign of life, so each consumer gives
-- one here: it asks for its own entries behind the last possible position, where there are none.
--
-- KEYS 1 stream
-- ARGV 1 group   2 this consumer   3 silent for at least, ms   4 how many at most
-- RETURNS how many were removed
local group, silent_ms, most = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])

local seen = redis.pcall('XREADGROUP', 'GROUP', group, ARGV[2], 'COUNT', 1, 'STREAMS', KEYS[1],
  '18446744073709551615-18446744073709551614')
-- In a lost stream or group there is nobody; the next read creates it again.
if seen and seen.err then return seen.err:find('NOGROUP', 1, true) and 0 or seen end
local removed = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
  if removed == most then break end
  local known = {}
  for at = 1, #consumer, 2 do known[consumer[at]] = consumer[at + 1] end
  if known.name ~= ARGV[2] and known.pending == 0 and known.idle >= silent_ms then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, known.name)
    removed = removed + 1
  end
end
return removed
