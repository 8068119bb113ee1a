-- Puts a text on a tenant's review list. No text takes the place of another: whoever reads the later one alone might
-- not see what the earlier one asked for.
--
-- An entry is its time '|' event '|' sealed evidence.
--
-- KEYS 1 review list
-- ARGV 1 person: phone ':' sender ':'   2 event id   3 event time, ms   4 sealed evidence
--      5 entries at most   6 entries of one person to one sender at most
-- RETURNS 1 added, 0 it is there, -1 too many
local person, event = ARGV[1], ARGV[2]

if redis.call('HEXISTS', KEYS[1], person .. event) == 1 then return 0 end
local fields = redis.call('HKEYS', KEYS[1])
if #fields >= tonumber(ARGV[5]) then return -1 end
local ours = 0
for _, field in ipairs(fields) do
  if string.sub(field, 1, #person) == person then ours = ours + 1 end
end
if ours >= tonumber(ARGV[6]) then return -1 end
redis.call('HSET', KEYS[1], person .. event, ARGV[3] .. '|' .. event .. '|' .. ARGV[4])
return 1
