-- Reserves a send: the phone's limits and the pending code, in one step. A denial writes nothing.
--
-- KEYS 1 code record `{p}:c:<purpose>`   2 sends of the phone `{p}:w`
-- ARGV 1 send id, 12 bytes               2 limits, packed (send_times.lua)
--      3 lifetime of a new code, ms      4 guesses of a new code
--      5 fresh code, 31 bytes: kind, pepper tag 2, nonce 6, handle 6, mac 16
--        (kind: origin 0 derived, 1 given, 2 gateway; plus 4 * (digits - 4))
--      6 least life of a code that is sent again, ms
--      7 what the live code is recognised by: (pepper tag 2, mac 16)*; a derived code needs the tag only
--      8 how long the sends are remembered, ms
-- RETURNS {1, same 0|1, pepper tag, nonce, expires in ms, next send in ms, sends left}   granted
--         {0, wait ms, cool-down 0|1}                                                  denied
-- STATE the send is open and the code can be checked; it is unchanged when it is the same again
--
-- The record of a code, 44 bytes so that Redis stores it in one allocation:
--   1      state (1 live, 2 used, 3 awaiting the gateway's code) + 8 * kind
--   2      guesses left
--   3-14   id of the last check that was counted
--   15-16  tag of the pepper    17-22  nonce    23-28  digest of the handle    29-44  MAC of the code
local LIVE, AWAITING = 1, 3
local DERIVED, GATEWAY = 0, 2

local send, limits = ARGV[1], read_limits(ARGV[2])
local lifetime, guesses, fresh = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local least_left, known, memory = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])

local now = now_ms()
local s = read_sends(redis.call('GET', KEYS[2]))
local record = redis.call('GET', KEYS[1])

local function granted(same)
  local wait, _, left = wait_for_send(s, limits, now)
  local life = math.max(redis.call('PTTL', KEYS[1]), 0)
  return { 1, same and 1 or 0, record:sub(15, 16), record:sub(17, 22), life, wait, left }
end

-- A repeat after a lost reply.
if s.open ~= 0 and s.send == send and record then
  return granted(s.open == 2)
end

local wait, cool_down = wait_for_send(s, limits, now)
if wait > 0 then
  return { 0, wait, cool_down }
end

-- May the live code be sent again?
local same = false
if record then
  local state, kind = record:byte(1) % 8, math.floor(record:byte(1) / 8)
  local wanted = fresh:byte(1) % 4
  if state == LIVE and kind == fresh:byte(1) and wanted ~= GATEWAY
    and record:byte(2) > 0 and redis.call('PTTL', KEYS[1]) >= least_left then
    for at = 1, #known, 18 do
      local recognised = wanted == DERIVED or known:sub(at + 2, at + 17) == record:sub(29, 44)
      same = same or (recognised and known:sub(at, at + 1) == record:sub(15, 16))
    end
  end
end

if not same then
  local state = fresh:byte(1) % 4 == GATEWAY and AWAITING or LIVE
  record = string.char(state + 8 * fresh:byte(1), guesses) .. string.rep('\0', 12) .. fresh:sub(2)
  redis.call('SET', KEYS[1], record, 'PX', lifetime)
end

local kept = {}
for _, time in ipairs(s.times) do
  if time > now - memory then kept[#kept + 1] = time end
end
local before = steps_at(s, limits, now)
kept[#kept + 1] = now
-- No window looks further back than its number of sends.
local most = 0
for _, window in ipairs(limits.windows) do most = math.max(most, window.sends) end
while #kept > most do table.remove(kept, 1) end
s = { steps = math.min(before + 1, 255), before = before, open = same and 2 or 1, send = send, times = kept, message = s.message }
redis.call('SET', KEYS[2], write_sends(s), 'PX', memory)
return granted(same)
