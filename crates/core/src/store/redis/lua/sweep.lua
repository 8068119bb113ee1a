-- Takes over entries that nobody has worked on for a lease.
--
-- An entry that was started twice without an answer may be what ends its processes: it is a suspect, and taken alone
-- or not at all, so that its neighbours do not share its fate.
--
-- KEYS 1 stream
-- ARGV 1 group   2 consumer   3 lease ms   4 cursor: `-` or `(position`   5 count
--      6 starts that make a suspect   7 1 one suspect and nothing else, 0 no suspects
-- RETURNS {next cursor, suspects left out 0|1, {{position, delivery count, fields}, ...}}
-- STATE the returned entries are in this consumer's hands with a raised count; pending entries whose
--       stream entry is gone are acknowledged
local group, consumer, lease, cursor, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local suspicious, alone = tonumber(ARGV[6]), ARGV[7] == '1'

local pending = redis.pcall('XPENDING', KEYS[1], group, 'IDLE', lease, cursor, '+', count)
-- Nothing to sweep in a lost stream or group; the next read creates it again.
if pending.err then return pending.err:find('NOGROUP', 1, true) and { '-', 0, {} } or pending end
local taken, left_out = {}, 0
for _, entry in ipairs(pending) do
  local position, deliveries = entry[1], entry[4]
  if (deliveries >= suspicious) ~= alone then
    if not alone then left_out = 1 end
  else
    -- Idle enough a moment ago is enough: a clock that steps back must not look like a lost entry.
    local claimed = redis.call('XCLAIM', KEYS[1], group, consumer, 0, position)[1]
    if claimed then
      taken[#taken + 1] = { position, deliveries + 1, claimed[2] }
    else
      redis.call('XACK', KEYS[1], group, position)
    end
    if alone and claimed then return { '(' .. position, 0, taken } end
  end
end
local next_cursor = '-'
if #pending == count then next_cursor = '(' .. pending[#pending][1] end
return { next_cursor, left_out, taken }
