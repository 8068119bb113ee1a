-- Shared by the scripts that count wrong guesses in a row (field `<purpose>` of the hash `{p}:f`).
--
-- A field: in a row over all sessions 1, then for each session that failed (tag 6, in a row 1, last time 6 in ms).
-- Limits, packed: 'B' ceiling | 'B' free failures of a session | 'I6' first wait | 'I6' longest wait |
--   'I6' time after which a session's failures are forgotten; all in ms.
-- There is no TTL: the ceiling must outlast every wait. A field ends by a right code, `unlock` or `erase`; it
-- exists only after a send, and each failure in it cost a guess, so the send limits bound how many there are.
local SESSIONS_AT_MOST = 100

-- In a row in this session, and the last time; nothing when there is none that still counts.
local function session_failures(failures, limits, session, now)
  local _, _, _, _, forget = struct.unpack('>BBI6I6I6', limits)
  for at = 2, #failures, 13 do
    local tag, count, last = struct.unpack('>c6BI6', failures, at)
    if tag == session and now - last < forget then return count, last end
  end
end

-- The wait in ms until a check is possible (0: until an operator unlocks), or nil for none.
local function wait_for_check(failures, limits, session)
  local ceiling, free, first, longest = struct.unpack('>BBI6I6I6', limits)
  if failures:byte(1) >= ceiling then return 0 end
  local now = now_ms()
  local count, last = session_failures(failures, limits, session, now)
  if not count or count < free then return nil end
  local wait = last + math.min(first * 2 ^ (count - free), longest) - now
  if wait > 0 then return wait end
end

local function one_more_failure(failures, limits, session)
  local now = now_ms()
  local _, _, _, _, forget = struct.unpack('>BBI6I6I6', limits)
  failures = failures or '\0'
  local count = session_failures(failures, limits, session, now) or 0
  local kept = {}
  for at = 2, #failures, 13 do
    local tag, _, last = struct.unpack('>c6BI6', failures, at)
    if tag ~= session and now - last < forget then kept[#kept + 1] = failures:sub(at, at + 12) end
  end
  while #kept >= SESSIONS_AT_MOST do table.remove(kept, 1) end
  kept[#kept + 1] = struct.pack('>c6BI6', session, math.min(count + 1, 255), now)
  return string.char(math.min(failures:byte(1) + 1, 255)) .. table.concat(kept)
end
