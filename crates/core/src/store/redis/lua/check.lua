-- Checks a guess: count, compare, consume, in this order and in one step.
--
-- KEYS 1 code record `{p}:c:<purpose>` (layout in reserve.lua)   2 sends of the phone `{p}:w`
-- ARGV 1 check id, 12 bytes           2 digest of the handle, 6 bytes, or ''
--      3 MACs of the guess: (pepper tag 2, mac 16)*
--      4 limits, packed               5 how long a used code is remembered, ms
-- RETURNS {1} right, for the first time (or a repeat of that check)
--         {2, guesses left} wrong     {3, wait ms} no guess left, nothing compared
--         {4} absent                  {5} right, but used before
-- STATE wrong: one guess less. Right: the code is used, and the ladder is back at its first step.
--
-- Comparing with `==` is safe here: both sides are MACs under a key that nobody who can reach this
-- script has, so the time it takes says nothing about the code (the "double HMAC" argument).
local USED, AWAITING = 2, 3
local RIGHT, WRONG, EXHAUSTED, ABSENT, ALREADY_USED = 1, 2, 3, 4, 5

local request, handle, guess = ARGV[1], ARGV[2], ARGV[3]

local record = redis.call('GET', KEYS[1])
if not record then return { ABSENT } end
if handle ~= '' and handle ~= record:sub(23, 28) then return { ABSENT } end

-- The guess's MAC under the pepper of this record.
local tag, mac = record:sub(15, 16), nil
for at = 1, #guess, 18 do
  if guess:sub(at, at + 1) == tag then mac = guess:sub(at + 2, at + 17) end
end
local state, left, last = record:byte(1) % 8, record:byte(2), record:sub(3, 14)
if not mac or state == AWAITING then return { ABSENT } end

if state == USED then
  if mac ~= record:sub(29, 44) then return { ABSENT } end
  return { last == request and RIGHT or ALREADY_USED }
end
if last == request then return { WRONG, left } end
if left == 0 then
  return { EXHAUSTED, (wait_for_send(read_sends(redis.call('GET', KEYS[2])), read_limits(ARGV[4]), now_ms())) }
end

-- Counted before it is compared: whatever happens next, this guess is spent.
left = left - 1
redis.call('SETRANGE', KEYS[1], 1, string.char(left) .. request)
if mac ~= record:sub(29, 44) then return { WRONG, left } end

local origin = record:byte(1) - state
redis.call('SET', KEYS[1], string.char(USED + origin, left) .. request .. record:sub(15), 'PX', ARGV[5])
local sends = redis.call('GET', KEYS[2])
if sends then
  redis.call('SETRANGE', KEYS[2], 0, string.char(math.min(sends:byte(1), 1)))
end
return { RIGHT }
