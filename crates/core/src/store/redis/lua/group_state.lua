-- What an operator wants to know of one shard. Changes nothing.
--
-- KEYS 1 stream   2 due times   3 dead letters   4 quarantine
-- ARGV 1 group   2 how many consumers are named at most   3 how many of the newest dead letters are looked at
-- RETURNS {now in ms, events, delayed, dead letters, quarantined, age of the oldest event in ms (-1: there is none),
--          entries that have left the stream since it was made (-1: this Redis does not tell), entries in hands,
--          consumers, {{consumer, entries, ms since one of its first 100 entries was taken, at most}, ...},
--          {reason, count, ...}}
local group, consumers_most, letters_most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A reply of names and values as a table.
local function named(list)
  local fields = {}
  for at = 1, #list, 2 do fields[list[at]] = list[at + 1] end
  return fields
end

local events, oldest, left = redis.call('XLEN', KEYS[1]), -1, -1
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if first then oldest = math.max(now - tonumber(first[1]:match('^%d+')), 0) end
local stream = redis.pcall('XINFO', 'STREAM', KEYS[1])
if stream.err then
  left = 0
else
  -- Redis before 7.0 does not count them.
  local added = named(stream)['entries-added']
  if added then left = math.max(added - events, 0) end
end

local pending, consumers = 0, 0
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if not groups.err then
  for _, entry in ipairs(groups) do
    local known = named(entry)
    if known.name == group then pending, consumers = known.pending, known.consumers end
  end
end

local busy = {}
if consumers_most > 0 and consumers > 0 then
  for _, entry in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
    busy[#busy + 1] = named(entry)
  end
  table.sort(busy, function(a, b)
    if a.pending ~= b.pending then return a.pending > b.pending end
    return a.name < b.name
  end)
end
local shown = {}
for at = 1, math.min(#busy, consumers_most) do
  local known, idle = busy[at], 0
  if known.pending > 0 then
    for _, entry in ipairs(redis.call('XPENDING', KEYS[1], group, '-', '+', 100, known.name)) do
      idle = math.max(idle, entry[3])
    end
  end
  shown[at] = { known.name, known.pending, idle }
end

local reasons, counts = {}, {}
if letters_most > 0 then
  for _, letter in ipairs(redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', letters_most)) do
    local reason = named(letter[2]).w or ''
    if not counts[reason] then reasons[#reasons + 1] = reason end
    counts[reason] = (counts[reason] or 0) + 1
  end
end
local by_reason = {}
for _, reason in ipairs(reasons) do
  by_reason[#by_reason + 1] = reason
  by_reason[#by_reason + 1] = counts[reason]
end
return { now, events, redis.call('ZCARD', KEYS[2]), redis.call('XLEN', KEYS[3]), redis.call('XLEN', KEYS[4]), oldest,
  left, pending, consumers, shown, by_reason }
