-- Looks at some of the delayed events. Changes nothing.
--
-- KEYS 1 delayed entries
-- ARGV 1 cursor, 0 at the start   2 about how many
-- RETURNS {next cursor: 0 at the end, {{event id, envelope, original bytes}, ...}}
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local entries = {}
for at = 1, #page[2], 2 do
  local id = page[2][at]
  local fields = delayed_fields(id, page[2][at + 1])
  entries[#entries + 1] = { id, fields.e, fields.r }
end
return { page[1], entries }
