-- Merges a statement of consent: the later one wins; at the same time, opting out wins; of two that say the same at the
-- same time the bare one wins, else the greater event id. What was said is kept in the ledger, unless the phone has been
-- erased since: then the register gets the bare state, and the ledger nothing.
--
-- A register is kind and time, then, unless bare: '|' event '|' sealed evidence. So is an entry of the ledger.
--
-- KEYS 1 registers `{p}:o`   2 ledger `{p}:h`   3 erasure mark `{p}:x`
-- ARGV 1 sender   2 kind: o out | i in | a asked in other words | n read, and nothing changed   3 event time, ms
--      4 event id, '' for a bare statement   5 sealed evidence   6 receive time, ms
--      7 senders at most   8 entries of one sender in the ledger at most   9 entries in the ledger at most
--      10 the name of every sender
-- RETURNS o, i: 1 the register changed, 2 that of every sender did in its place, 0 an equal or later statement stands,
--         -1 an opt-in, and too many senders: nothing is kept
--         a, n: 1 it is new in the ledger, 0 it is not; the register stays as it is
local sender, kind, at, event = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local senders_at_most, entries_at_most, ledger_at_most = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local every = ARGV[10]

local function read(entry)
  local kind, at, event = string.match(entry, '^(%a)(%d+)|?([^|]*)')
  return kind, tonumber(at), event
end

-- Byte by byte: Redis compares texts as its locale says.
local function above(one, other)
  for i = 1, #one do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return not b or a > b end
  end
  return false
end

local bare = event == '' or tonumber(ARGV[6]) <= tonumber(redis.call('GET', KEYS[3]) or -1)
local entry = kind .. at
if not bare then entry = entry .. '|' .. event .. '|' .. ARGV[5] end

local out_of_all
local of_all = redis.call('HGET', KEYS[1], every)
if of_all then
  local kind, at = read(of_all)
  if kind == 'o' then out_of_all = at end
end

local function is_covered(at)
  return out_of_all and at <= out_of_all
end

local function has_room()
  local senders = redis.call('HLEN', KEYS[1]) - redis.call('HEXISTS', KEYS[1], every)
  if senders < senders_at_most then return true end
  local registers = redis.call('HGETALL', KEYS[1])
  for i = 1, #registers, 2 do
    local _, at = read(registers[i + 1])
    if registers[i] ~= every and is_covered(at) then
      redis.call('HDEL', KEYS[1], registers[i])
      senders = senders - 1
    end
  end
  return senders < senders_at_most
end

-- Merges into one register. Returns whether it says something else now.
local function merge(name, entry)
  local known = redis.call('HGET', KEYS[1], name)
  local changed, same = true, false
  if known then
    local _, mine_at, mine = read(entry)
    local known_kind, known_at, known_event = read(known)
    if mine_at ~= known_at then
      changed = mine_at > known_at
    elseif kind ~= known_kind then
      changed = kind == 'o'
    else
      changed = false
      same = known_event ~= '' and (mine == '' or above(mine, known_event))
    end
  end
  if changed or same then redis.call('HSET', KEYS[1], name, entry) end
  return changed
end

local changed = 0
if (kind == 'o' or kind == 'i') and (sender == every or not is_covered(tonumber(at))) then
  if sender == every or redis.call('HEXISTS', KEYS[1], sender) == 1 or has_room() then
    if merge(sender, entry) then changed = 1 end
  elseif kind == 'i' then
    return -1
  elseif merge(every, kind .. at) then
    changed = 2
  end
end
if bare then return changed end

local field = sender .. ':' .. event
local known = redis.call('HGET', KEYS[2], field)
local is_new = not known or (string.sub(known, 1, 1) == 'a' and kind ~= 'a')
if is_new then
  redis.call('HSET', KEYS[2], field, entry)
  local ours = {}
  for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
    if string.sub(name, 1, #sender + 1) == sender .. ':' then ours[#ours + 1] = name end
  end
  local surplus = math.max(#ours - entries_at_most, redis.call('HLEN', KEYS[2]) - ledger_at_most)
  if surplus > 0 then
    local times = {}
    for _, name in ipairs(ours) do
      local _, time = read(redis.call('HGET', KEYS[2], name))
      times[name] = time
    end
    table.sort(ours, function(a, b)
      if times[a] ~= times[b] then return times[a] < times[b] end
      return above(b, a)
    end)
    for i = 1, math.min(surplus, #ours) do redis.call('HDEL', KEYS[2], ours[i]) end
  end
end
if kind == 'a' or kind == 'n' then return is_new and 1 or 0 end
return changed
