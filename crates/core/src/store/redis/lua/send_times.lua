-- Shared by the scripts that read a phone's sends (key `{p}:w`). Pure: no call, no write.
--
-- The record is one packed string, since a hash of these fields costs twice the memory:
--   1      steps    sends in the present run of the cool-down ladder
--   2      before   the same before the last send, for giving it back
--   3      state    of the last send: 1 open with a fresh code, 2 open with the same again, 3 sent, 4 not sent,
--                   5 unknown
--   4-15   send     its id
--   16-21  handle   digest of its handle
--   22     count    number of send times
--   23-..  times    count * 6 bytes, milliseconds by Redis's clock, big endian, ascending
--   then   index    names of the phone's other keys, so that nothing of it has to be searched for:
--                   (kind 1, end 6 in ms, length 1, name)*; kinds: c a live code, u a used one (name: what follows
--                   `:c:` in its key), k an idempotency record (name: its 22 characters, then 16 of the send's id)
--
-- Limits come as one packed argument, so that scripts that rarely need them pay one string:
--   'I6' quiet time ms | 'B' waits, each 'I6' ms | 'B' windows, each 'B' sends and 'I6' period ms
local FRESH, SAME, SENT, NOT_SENT, UNKNOWN = 1, 2, 3, 4, 5
local NO_SENDS = {
  steps = 0, before = 0, state = 0, send = string.rep('\0', 12), handle = string.rep('\0', 6), times = {}, index = '',
}

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read_sends(packed)
  if not packed then return NO_SENDS end
  local steps, before, state, send, handle, count, at = struct.unpack('>BBBc12c6B', packed)
  local times = {}
  for i = 1, count do
    times[i], at = struct.unpack('>I6', packed, at)
  end
  return {
    steps = steps, before = before, state = state, send = send, handle = handle, times = times, index = packed:sub(at),
  }
end

local function write_sends(s)
  local parts = { struct.pack('>BBBc12c6B', s.steps, s.before, s.state, s.send, s.handle, #s.times) }
  for i, time in ipairs(s.times) do
    parts[i + 1] = struct.pack('>I6', time)
  end
  parts[#parts + 1] = s.index
  return table.concat(parts)
end

-- The index without what has ended and without the entry of `name`, and the entries that stay.
local function index_without(index, name, now)
  local kept, entries, at = {}, {}, 1
  while at <= #index do
    local kind, ends, length = struct.unpack('>c1I6B', index, at)
    local entry = { kind = kind, ends = ends, name = index:sub(at + 8, at + 7 + length) }
    if ends > now and entry.name ~= name then
      entries[#entries + 1] = entry
      kept[#kept + 1] = index:sub(at, at + 7 + length)
    end
    at = at + 8 + length
  end
  return table.concat(kept), entries
end

local function index_entry(kind, ends, name)
  return struct.pack('>c1I6B', kind, ends, #name) .. name
end

-- The index of these entries, of one kind only the last `most`.
local function index_of_newest(entries, kind, most)
  local surplus, kept = -most, {}
  for _, entry in ipairs(entries) do
    if entry.kind == kind then surplus = surplus + 1 end
  end
  for _, entry in ipairs(entries) do
    if entry.kind == kind and surplus > 0 then
      surplus = surplus - 1
    else
      kept[#kept + 1] = index_entry(entry.kind, entry.ends, entry.name)
    end
  end
  return table.concat(kept)
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

