-- Claims an automatic reply and counts it for its pair of numbers, or tells what has become of it.
--
-- KEYS 1 claim `{y<pair>}:y:<event id>:<rule>`: state 1 (1 claimed, 2 sent, 3 unknown, 4 not owed), claim id 12,
--        time 6 in ms
--      2 recent `{y<pair>}:yr`: the times of this pair's replies, 6 each in ms, oldest first
-- ARGV 1 claim id, 12 bytes   2 how long a claim is kept, ms
--      3 replies in the short period   4 the short period, ms   5 replies in the long period   6 the long period, ms
-- RETURNS {1} the caller's   {2} sent   {3, first 0|1} unknown   {4} not owed   {5} too many
-- STATE the caller's: claimed and counted. A claim of somebody else that has no outcome is unknown from now on. What
--       was too many is not owed from now on: an event that comes back hours later must not be answered then
local claim, kept = ARGV[1], ARGV[2]
local few, short, many, long = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local record = redis.call('GET', KEYS[1])
if record then
  local state, owner = struct.unpack('>Bc12', record)
  if state == 1 and owner == claim then
    -- The caller repeats itself. Written, so that a WAIT covers the first time, too.
    redis.call('SETRANGE', KEYS[1], 0, '\1')
    return { 1 }
  end
  if state == 2 or state == 4 then return { state } end
  redis.call('SETRANGE', KEYS[1], 0, '\3')
  return { 3, state == 1 and 1 or 0 }
end

local recent, times = redis.call('GET', KEYS[2]) or '', {}
for at = 1, #recent, 6 do
  local sent = (struct.unpack('>I6', recent, at))
  if sent + long > now then times[#times + 1] = sent end
end
-- Whether `count` lie within the period.
local function full(count, period)
  local first = times[#times - count + 1]
  return first and first + period > now
end
if full(few, short) or full(many, long) then
  redis.call('SET', KEYS[1], struct.pack('>Bc12I6', 4, claim, now), 'PX', kept)
  return { 5 }
end

times[#times + 1] = now
for i, sent in ipairs(times) do times[i] = struct.pack('>I6', sent) end
redis.call('SET', KEYS[2], table.concat(times), 'PX', long)
redis.call('SET', KEYS[1], struct.pack('>Bc12I6', 1, claim, now), 'PX', kept)
return { 1 }
