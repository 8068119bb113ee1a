-- Checks a guess: throttle, lifetime, count, compare, consume, in this order and in one step.
--
-- KEYS 1 code record `{p}:c:<purpose>[:<session>]` (layout in reserve.lua)   2 sends of the phone `{p}:w`
--      3 failures `{p}:f`                4 receipts `{p}:r`
-- ARGV 1 check id, 12 bytes              2 digest of the handle, 6 bytes, or ''
--      3 MACs of the guess: (pepper tag 2, mac 16)*
--      4 send limits, packed             5 failure limits, packed (failures.lua)
--      6 tag of the session, 6 bytes     7 how long a used code is remembered, ms
--      8 how long a receipt can be redeemed, ms
-- RETURNS {1} right, for the first time (or a repeat of that check)
--         {2, guesses left} wrong     {3, wait ms} no guess left, nothing compared
--         {4} absent                  {5} right, but used before
--         {6, wait ms} throttled, nothing compared or counted (wait 0: until an operator unlocks)
-- STATE wrong: one guess less, one failure more. Right: the code is used, its receipt (named by the check) can be
--       redeemed, the failures are forgotten, and the ladder is back at its first step.
--
-- Comparing with `==` is safe here: both sides are MACs under a key that nobody who can reach this
-- script has, so the time it takes says nothing about the code (the "double HMAC" argument).
local USED, AWAITING = 2, 3
local RIGHT, WRONG, EXHAUSTED, ABSENT, ALREADY_USED, THROTTLED = 1, 2, 3, 4, 5, 6

local request, handle, guess, session = ARGV[1], ARGV[2], ARGV[3], ARGV[6]
local name = KEYS[1]:match('}:c:(.*)$')
local purpose = name:match('^[^:]+')

local record = redis.call('GET', KEYS[1])
local found = record and (handle == '' or handle == record:sub(23, 28))
local mac
if found then
  -- The guess's MAC under the pepper of this record.
  local tag = record:sub(15, 16)
  for at = 1, #guess, 18 do
    if guess:sub(at, at + 1) == tag then mac = guess:sub(at + 2, at + 17) end
  end
end
local state = found and record:byte(1) % 8
local function is_right()
  return mac == record:sub(29, 44)
end

-- A repeat gets the first answer. It writes, so that a WAIT behind it covers the first write.
if found and record:sub(3, 14) == request then
  redis.call('SET', KEYS[1], record, 'KEEPTTL')
  if state ~= USED then return { WRONG, record:byte(2) } end
  return { mac and is_right() and RIGHT or ABSENT }
end

local failures = redis.call('HGET', KEYS[3], purpose)
if failures then
  local wait = wait_for_check(failures, ARGV[5], session)
  if wait then return { THROTTLED, wait } end
end
if not mac or state == AWAITING then return { ABSENT } end
if state == USED then return { is_right() and ALREADY_USED or ABSENT } end
local left = record:byte(2)
if left == 0 then
  return { EXHAUSTED, (wait_for_send(read_sends(redis.call('GET', KEYS[2])), read_limits(ARGV[4]), now_ms())) }
end

-- Counted before it is compared: whatever happens next, this guess is spent.
left = left - 1
redis.call('SETRANGE', KEYS[1], 1, string.char(left) .. request)
redis.call('HSET', KEYS[3], purpose, one_more_failure(failures, ARGV[5], session))
if not is_right() then return { WRONG, left } end

local now, remembered = now_ms(), tonumber(ARGV[7])
local kind = record:byte(1) - state
redis.call('SET', KEYS[1], string.char(USED + kind, left) .. request .. record:sub(15), 'PX', remembered)
redis.call('HDEL', KEYS[3], purpose)
local packed = redis.call('GET', KEYS[2])
if packed then
  local s = read_sends(packed)
  s.steps = math.min(s.steps, 1)
  s.index = index_without(s.index, name, now) .. index_entry('u', now + remembered, name)
  redis.call('SET', KEYS[2], write_sends(s), 'KEEPTTL')
end
add_receipt(KEYS[4], request, now, tonumber(ARGV[8]))
return { RIGHT }
