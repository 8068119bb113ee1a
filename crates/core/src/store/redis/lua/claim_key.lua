-- Claims an idempotency key, or tells what has become of it.
--
-- KEYS 1 record `{i<name>}:k`: state 1 (1 in flight, 2 done), digest of the arguments 16, send id 12, time 6 in ms, outcome
-- ARGV 1 digest of the arguments, 16 bytes   2 send id, 12 bytes   3 lease, ms   4 how long the record is kept, ms
-- RETURNS {1, send id} the caller's    {2, wait ms} in flight    {3, ms ago, outcome} done    {4} other arguments
-- STATE the caller's: in flight under the send id that is returned: its own, or the one of a host that did not finish,
--       so that the phone's record can tell whether that one's text may have gone out
local arguments, send, lease, kept = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local record = redis.call('GET', KEYS[1])
if record then
  local state, known, first, since = struct.unpack('>Bc16c12I6', record)
  if known ~= arguments then return { 4 } end
  if state == 2 then return { 3, now - since, record:sub(36) } end
  if first ~= send and since + lease > now then return { 2, since + lease - now } end
  send = first
end
redis.call('SET', KEYS[1], struct.pack('>Bc16c12I6', 1, arguments, send, now), 'PX', kept)
return { 1, send }
