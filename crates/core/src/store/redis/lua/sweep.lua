-- Takes over entries that nobody has worked on for a lease.
--
-- KEYS 1 stream
-- ARGV 1 group   2 consumer   3 lease ms   4 cursor: `-` or `(position`   5 count
-- RETURNS {next cursor, {{position, delivery count, fields}, ...}}
-- STATE the returned entries are in this consumer's hands with a raised count; pending entries whose
--       stream entry is gone are acknowledged
local group, consumer, lease, cursor, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local pending = redis.pcall('XPENDING', KEYS[1], group, 'IDLE', lease, cursor, '+', count)
-- Nothing to sweep in a lost stream or group; the next read creates it again.
if pending.err then return pending.err:find('NOGROUP', 1, true) and { '-', {} } or pending end
local taken = {}
for _, entry in ipairs(pending) do
  local position, deliveries = entry[1], entry[4]
  -- Idle enough a moment ago is enough: a clock that steps back must not look like a lost entry.
  local claimed = redis.call('XCLAIM', KEYS[1], group, consumer, 0, position)[1]
  if claimed then
    taken[#taken + 1] = { position, deliveries + 1, claimed[2] }
  else
    redis.call('XACK', KEYS[1], group, position)
  end
end
local next_cursor = '-'
if #pending == count then next_cursor = '(' .. pending[#pending][1] end
return { next_cursor, taken }
