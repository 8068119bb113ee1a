-- Closes an open send. Acts once: the send must still be the open one.
--
-- KEYS 1 code record `{p}:c:<purpose>`   2 sends of the phone `{p}:w`
-- ARGV 1 send id, 12 bytes               2 outcome: 1 sent, 2 not sent, 3 unknown
--      3 `gateway:message id` ('' unless sent)
--      4 MAC of a code that the gateway made, 16 bytes ('' otherwise)
-- RETURNS 1 settled, 0 that send is not open
-- STATE not sent: its time and ladder step are given back unless the code was guessed at, and the code is withdrawn if this send made it
--       (else an earlier text with it went out). A used or exhausted code is never changed.
local LIVE, AWAITING = 1, 3
local SENT, NOT_SENT = 1, 2

local send, outcome, message, made = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local s = read_sends(redis.call('GET', KEYS[2]))
if s.open == 0 or s.send ~= send then return 0 end

local record = redis.call('GET', KEYS[1])
local state = record and record:byte(1) % 8
local fresh_code = s.open == 1
-- A failing gateway must not buy guesses: once somebody has guessed, the send stays counted.
local guessed = fresh_code and record and record:sub(3, 14) ~= string.rep('\0', 12)

s.open = 0
if outcome == NOT_SENT and not guessed then
  s.times[#s.times] = nil
  s.steps = math.min(s.steps, s.before)
elseif outcome == SENT then
  s.message = message
end
if #s.times == 0 then
  redis.call('DEL', KEYS[2])
else
  redis.call('SET', KEYS[2], write_sends(s), 'KEEPTTL')
end

if state == LIVE then
  if outcome == NOT_SENT and fresh_code and record:byte(2) > 0 then redis.call('DEL', KEYS[1]) end
elseif state == AWAITING then
  if outcome == SENT and #made == 16 then
    redis.call('SETRANGE', KEYS[1], 28, made)
    redis.call('SETRANGE', KEYS[1], 0, string.char(LIVE + record:byte(1) - AWAITING))
  else
    -- Without the gateway's code nothing can ever be checked against this record.
    redis.call('DEL', KEYS[1])
  end
end
return 1
