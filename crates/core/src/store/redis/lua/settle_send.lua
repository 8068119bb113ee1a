-- Closes an open send. Acts once: the send must still be the open one.
--
-- KEYS 1 code record `{p}:c:<purpose>[:<session>]`   2 sends of the phone `{p}:w`   3 its messages `{p}:m`
-- ARGV 1 send id, 12 bytes               2 outcome: 3 sent, 4 not sent, 5 unknown (the states in send_times.lua)
--      3 `gateway:message id`, or '' when there is none
--      4 MAC of a code that the gateway made, 16 bytes ('' otherwise)
--      5 how long message ids are kept, ms    6 how many at most
-- RETURNS 1 settled (or a repeat of the same), 0 that send is not open
-- STATE not sent: its time and ladder step are given back unless the code was guessed at or has ended, and the code
--       is withdrawn if this send made it (else an earlier text with it went out). A used or exhausted code is
--       never changed.
--
-- The messages of a phone: (time 6 in ms, length 1, `gateway:message id`)*, the newest last.
local LIVE, AWAITING = 1, 3

local send, outcome, message, made = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local kept_ms, at_most = tonumber(ARGV[5]), tonumber(ARGV[6])

local s = read_sends(redis.call('GET', KEYS[2]))
if s.state == 0 or s.send ~= send then return 0 end
if s.state ~= FRESH and s.state ~= SAME then
  -- A repeat writes, so that a WAIT behind it covers the first write.
  redis.call('SET', KEYS[2], write_sends(s), 'KEEPTTL')
  return s.state == outcome and 1 or 0
end

local now = now_ms()
local record = redis.call('GET', KEYS[1])
local state = record and record:byte(1) % 8
local fresh_code = s.state == FRESH
-- A failing gateway must not buy guesses: once somebody has guessed, the send stays counted. Of a code that has ended
-- nobody knows whether anybody did.
local guessed = fresh_code and (not record or record:sub(3, 14) ~= string.rep('\0', 12))

s.state = outcome
if outcome == NOT_SENT and not guessed then
  s.times[#s.times] = nil
  s.steps = math.min(s.steps, s.before)
end

local withdrawn = false
if state == LIVE then
  withdrawn = outcome == NOT_SENT and fresh_code and record:byte(2) > 0
elseif state == AWAITING then
  if outcome == SENT and #made == 16 then
    redis.call('SETRANGE', KEYS[1], 28, made)
    redis.call('SETRANGE', KEYS[1], 0, string.char(LIVE + record:byte(1) - AWAITING))
  else
    -- Without the gateway's code nothing can ever be checked against this record.
    withdrawn = true
  end
end
if withdrawn then
  redis.call('DEL', KEYS[1])
  s.index = index_without(s.index, KEYS[1]:match('}:c:(.*)$'), now)
end
redis.call('SET', KEYS[2], write_sends(s), 'KEEPTTL')

if message ~= '' then
  local packed = redis.call('GET', KEYS[3]) or ''
  local kept, at = {}, 1
  while at <= #packed do
    local time, length = struct.unpack('>I6B', packed, at)
    if time > now - kept_ms then kept[#kept + 1] = packed:sub(at, at + 6 + length) end
    at = at + 7 + length
  end
  while #kept >= at_most do table.remove(kept, 1) end
  kept[#kept + 1] = struct.pack('>I6B', now, #message) .. message
  redis.call('SET', KEYS[3], table.concat(kept), 'PX', kept_ms)
end
return 1
