-- Tells how a call of a gateway went, and asks for a retry.
--
-- KEYS 1 breaker `{b<name>}:b` (enter_gateway.lua)
-- ARGV 1 outcome: 1 it answered, 2 it failed, 3 it asked to be left alone     2 for how long, ms (with 3)
--      3 a retry is wanted 0|1         4 failures in a row that open the breaker
--      5 open for, ms, at first        6 open at most, ms
--      7 the fleet's retries, in tenths (a call that was answered earns one tenth back)
--      8 how long the record is kept, ms
-- RETURNS 1 the retry may be made, 0 it may not or none was wanted
local outcome, ask, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local to_open, open_for, at_most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local budget, kept = tonumber(ARGV[7]), ARGV[8]
local ANSWERED, TOLD_TO_WAIT = 1, 3

local known = redis.call('HMGET', KEYS[1], 'failures', 'opened', 'spent', 'until')
local failures, opened = tonumber(known[1] or 0), tonumber(known[2] or 0)
local spent, open_until = tonumber(known[3] or 0), tonumber(known[4] or 0)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Calls that were under way when it opened neither close it nor open it once more.
local open = open_until > now

if outcome == ANSWERED then
  if open or (spent == 0 and failures == 0 and opened == 0) then return 0 end
  spent = math.max(spent - 1, 0)
  redis.call('DEL', KEYS[1])
  if spent > 0 then
    redis.call('HSET', KEYS[1], 'spent', spent)
    redis.call('PEXPIRE', KEYS[1], kept)
  end
  return 0
end
if open then
  if outcome == TOLD_TO_WAIT then
    -- Several may be told to wait at once: that is one opening, for the longest that was asked.
    redis.call('HSET', KEYS[1], 'until', string.format('%.0f', math.max(open_until, now + ask)))
    redis.call('PEXPIRE', KEYS[1], kept)
  end
  return 0
end

failures = failures + 1
local wait, retry = 0, 0
if outcome == TOLD_TO_WAIT then
  wait = ask
elseif opened > 0 or failures >= to_open then
  wait = math.min(open_for * 2 ^ math.min(opened, 20), at_most)
end
if wait > 0 then
  opened, failures, open_until = opened + 1, 0, math.max(open_until, now + wait)
elseif wanted and spent + 10 <= budget then
  spent, retry = spent + 10, 1
end
redis.call('HSET', KEYS[1], 'failures', failures, 'opened', opened, 'spent', spent, 'until', string.format('%.0f', open_until))
redis.call('HDEL', KEYS[1], 'probe')
redis.call('PEXPIRE', KEYS[1], kept)
return retry
