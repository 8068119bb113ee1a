-- Merges what is known of one message: the send, or a report. The highest rank seen wins, so any order and
-- any repetition end the same; a counter moves only on the step that makes its fact true.
--
-- KEYS 1 delivery record   2 counters of the day
-- ARGV 1 rank of a report, or '' for the send   2 prefix of the number ('' with a report)
--      3 how long the record is kept, ms        4 how long the counters are kept, ms
-- RETURNS {rank seen (-1: no report yet), raised 0|1, sent known 0|1}
-- STATE fields: sent (ms), prefix, rank, counted (1 when the delivery was counted)
local report, prefix, record_ms, counters_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local DELIVERED = 6

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'sent', 'prefix', 'rank', 'counted')
local sent, known_prefix, rank = known[1], known[2], tonumber(known[3] or -1)
local counted, raised = known[4], 0

local function count(name, by)
  redis.call('HINCRBY', KEYS[2], name, by)
  redis.call('PEXPIRE', KEYS[2], counters_ms)
end

if report == '' then
  if not sent then
    sent, known_prefix = string.format('%.0f', now), prefix
    redis.call('HSET', KEYS[1], 'sent', sent, 'prefix', prefix)
    count('sent:' .. prefix, 1)
  end
elseif tonumber(report) > rank then
  rank, raised = tonumber(report), 1
  redis.call('HSET', KEYS[1], 'rank', rank)
end
if sent and rank == DELIVERED and not counted then
  redis.call('HSET', KEYS[1], 'counted', 1)
  count('delivered:' .. known_prefix, 1)
  count('delivery_ms:' .. known_prefix, math.max(now - tonumber(sent), 0))
end
redis.call('PEXPIRE', KEYS[1], record_ms)
return { rank, raised, sent and 1 or 0 }
