-- Reserves a send: the phone's limits and the pending code, in one step. A denial writes nothing.
--
-- KEYS 1 code record `{p}:c:<purpose>[:<session>]`   2 sends of the phone `{p}:w`   3 failures `{p}:f`
-- ARGV 1 send id, 12 bytes               2 limits, packed (send_times.lua)
--      3 lifetime of a new code, ms      4 guesses of a new code
--      5 fresh code, 31 bytes: kind, pepper tag 2, nonce 6, handle 6, mac 16
--        (kind: origin 0 derived, 1 given, 2 gateway, 3 suppressed; plus 4 * (digits - 4))
--      6 least life of a code that is sent again, ms
--      7 what the live code is recognised by: (pepper tag 2, mac 16)*; a derived or suppressed one by the tag
--      8 how long the sends are remembered, ms
--      9 name of the idempotency record and of the send (38 characters) or ''     10 how long that is kept, ms
--      11 failures in a row that lock the phone   12 live codes of other sessions that a purpose may have
--      13 idempotency records that the index names at most, the newest
-- RETURNS {1, same 0|1, pepper tag, nonce, expires in ms, next send in ms, sends left, repeated 0|1}   granted
--         {0, limit, wait ms}   denied; limits: 1 cool-down, 2 window, 3 locked (wait 0: for ever), 4 sessions
-- STATE the send is open and the code can be checked; it is unchanged when it is the same again
--
-- The record of a code, 44 bytes so that Redis stores it in one allocation:
--   1      state (1 live, 2 used, 3 awaiting the gateway's code) + 8 * kind
--   2      guesses left
--   3-14   id of the last check that was counted
--   15-16  tag of the pepper    17-22  nonce    23-28  digest of the handle    29-44  MAC of the code
local LIVE, AWAITING = 1, 3
local DERIVED, GATEWAY, SUPPRESSED = 0, 2, 3
local COOL_DOWN, WINDOW, LOCKED, SESSIONS = 1, 2, 3, 4

local send, limits = ARGV[1], read_limits(ARGV[2])
local lifetime, guesses, fresh = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local least_left, known, memory = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
local idempotency, idempotency_kept = ARGV[9], tonumber(ARGV[10])
local ceiling, most_sessions, most_keys = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local name = KEYS[1]:match('}:c:(.*)$')
local purpose = name:match('^[^:]+')

local now = now_ms()
local s = read_sends(redis.call('GET', KEYS[2]))
local record = redis.call('GET', KEYS[1])

local function granted(same, repeated)
  local wait, _, left = wait_for_send(s, limits, now)
  local life = math.max(redis.call('PTTL', KEYS[1]), 0)
  return { 1, same and 1 or 0, record:sub(15, 16), record:sub(17, 22), life, wait, left, repeated }
end

-- A repeat after a lost reply or a dead process. It writes, so that a WAIT behind it covers the first write.
if s.send == send and s.state ~= 0 and s.state ~= NOT_SENT and record then
  redis.call('SET', KEYS[2], write_sends(s), 'KEEPTTL')
  return granted(s.state == SAME, 1)
end
-- The same when another send followed it: the phone's index tells that it had begun.
if s.send ~= send and idempotency ~= '' and record and s.index:find(idempotency, 1, true) then
  redis.call('SET', KEYS[2], write_sends(s), 'KEEPTTL')
  return granted(false, 1)
end

local failures = redis.call('HGET', KEYS[3], purpose)
if failures and failures:byte(1) >= ceiling then
  return { 0, LOCKED, 0 }
end
local wait, cool_down = wait_for_send(s, limits, now)
if wait > 0 then
  return { 0, cool_down == 1 and COOL_DOWN or WINDOW, wait }
end
local index, entries = index_without(s.index, name, now)
local others, first_end = 0, nil
for _, entry in ipairs(entries) do
  if entry.kind == 'c' and entry.name:match('^[^:]+') == purpose then
    others = others + 1
    first_end = math.min(first_end or entry.ends, entry.ends)
  end
end
if others >= most_sessions then
  return { 0, SESSIONS, first_end - now }
end

-- May the live code be sent again?
local same = false
if record then
  local state, kind = record:byte(1) % 8, math.floor(record:byte(1) / 8)
  local wanted = fresh:byte(1) % 4
  if state == LIVE and kind == fresh:byte(1) and wanted ~= GATEWAY
    and record:byte(2) > 0 and redis.call('PTTL', KEYS[1]) >= least_left then
    for at = 1, #known, 18 do
      local recognised = wanted == DERIVED or wanted == SUPPRESSED or known:sub(at + 2, at + 17) == record:sub(29, 44)
      same = same or (recognised and known:sub(at, at + 1) == record:sub(15, 16))
    end
  end
end

local ends = now + lifetime
if same then
  ends = now + math.max(redis.call('PTTL', KEYS[1]), 0)
else
  local state = fresh:byte(1) % 4 == GATEWAY and AWAITING or LIVE
  record = string.char(state + 8 * fresh:byte(1), guesses) .. string.rep('\0', 12) .. fresh:sub(2)
  redis.call('SET', KEYS[1], record, 'PX', lifetime)
end
if idempotency ~= '' then
  index = index_of_newest(entries, 'k', most_keys - 1)
end
index = index .. index_entry('c', ends, name)
if idempotency ~= '' then
  index = index .. index_entry('k', now + idempotency_kept, idempotency)
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
s = {
  steps = math.min(before + 1, 255), before = before, state = same and SAME or FRESH, send = send,
  handle = record:sub(23, 28), times = kept, index = index,
}
redis.call('SET', KEYS[2], write_sends(s), 'PX', memory)
return granted(same, 0)
