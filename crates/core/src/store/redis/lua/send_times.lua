-- Shared by the scripts that read a phone's sends (key `{p}:w`). Pure: no call, no write.
--
-- The record is one packed string, since a hash of these fields costs twice the memory:
--   1      steps    sends in the present run of the cool-down ladder
--   2      before   the same before the open send, for giving it back
--   3      open     0 no send is open, 1 a fresh code, 2 the same code again
--   4-15   send     id of the last send
--   16     count    number of send times
--   17-..  times    count * 6 bytes, milliseconds by Redis's clock, big endian, ascending
--   then            gateway and message id of the last accepted send, `gateway:id`
--
-- Limits come as one packed argument, so that scripts that rarely need them pay one string:
--   'I6' quiet time ms | 'B' waits, each 'I6' ms | 'B' windows, each 'B' sends and 'I6' period ms
local NO_SENDS = { steps = 0, before = 0, open = 0, send = string.rep('\0', 12), times = {}, message = '' }

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read_sends(packed)
  if not packed then return NO_SENDS end
  local steps, before, open, send, count, at = struct.unpack('>BBBc12B', packed)
  local times = {}
  for i = 1, count do
    times[i], at = struct.unpack('>I6', packed, at)
  end
  return { steps = steps, before = before, open = open, send = send, times = times, message = packed:sub(at) }
end

local function write_sends(s)
  local parts = { struct.pack('>BBBc12B', s.steps, s.before, s.open, s.send, #s.times) }
  for i, time in ipairs(s.times) do
    parts[i + 1] = struct.pack('>I6', time)
  end
  parts[#parts + 1] = s.message
  return table.concat(parts)
end

local function read_limits(packed)
  local quiet, waits, at = struct.unpack('>I6B', packed)
  local limits = { quiet = quiet, waits = {}, windows = {} }
  for i = 1, waits do
    limits.waits[i], at = struct.unpack('>I6', packed, at)
  end
  local windows
  windows, at = struct.unpack('>B', packed, at)
  for i = 1, windows do
    local sends, period
    sends, period, at = struct.unpack('>BI6', packed, at)
    limits.windows[i] = { sends = sends, period = period }
  end
  return limits
end

-- Steps of the ladder that still count: none after a quiet time.
local function steps_at(s, limits, now)
  local last = s.times[#s.times]
  if not last or now - last >= limits.quiet then return 0 end
  return s.steps
end

-- Returns the wait in ms until a send is possible (0: now), whether the cool-down is what is waited for,
-- and the sends left in the tightest window.
local function wait_for_send(s, limits, now)
  local wait, cool_down, left = 0, 0, 255
  local steps = steps_at(s, limits, now)
  if steps > 0 then
    wait = s.times[#s.times] + limits.waits[math.min(steps, #limits.waits)] - now
    if wait > 0 then cool_down = 1 else wait = 0 end
  end
  for _, window in ipairs(limits.windows) do
    local used, oldest = 0, nil
    for i = #s.times, 1, -1 do
      if s.times[i] <= now - window.period then break end
      used = used + 1
      -- The send whose end makes room for one more.
      if used == window.sends then oldest = s.times[i] end
    end
    left = math.min(left, math.max(window.sends - used, 0))
    if oldest and oldest + window.period - now > wait then
      wait, cool_down = oldest + window.period - now, 0
    end
  end
  return wait, cool_down, left
end

