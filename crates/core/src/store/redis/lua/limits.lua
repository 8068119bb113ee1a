-- Shared by the scripts that charge limits. A limit is one key and five arguments:
--   'r', interval us, count, 0, 0          rate: the time at which all that was charged is used up, in us
--   'p', cap, parts, 0, 0                  parts a day: `day parts`, the day counted from the Unix epoch
--   'u', credit, per verified, window ms, deny 0|1
--                                          unverified sends: `window sends verified sends verified`, the counts of that
--                                          window and of the one before
-- Times are Redis's.
local DAY_US = 86400000000

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function limit_at(i)
  local at = (i - 1) * 5
  return ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), ARGV[at + 5] == '1'
end

-- Parts charged on this day.
local function read_parts(value, now)
  local day, parts = (value or ''):match('^(%d+) (%d+)$')
  return tonumber(day) == math.floor(now / DAY_US) and tonumber(parts) or 0
end

-- The counts as of now: sends and verified of this window, then of the one before.
local function read_counts(value, window_ms, now)
  local this = math.floor(now / 1000 / window_ms)
  local window, s, v, ps, pv = (value or ''):match('^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  window = tonumber(window)
  if window == this then return { this, tonumber(s), tonumber(v), tonumber(ps), tonumber(pv) } end
  if window == this - 1 then return { this, 0, 0, tonumber(s), tonumber(v) } end
  return { this, 0, 0, 0, 0 }
end

local function write_counts(key, c, window_ms)
  if c[2] + c[3] + c[4] + c[5] == 0 then
    redis.call('DEL', key)
  else
    redis.call('SET', key, string.format('%.0f %d %d %d %d', c[1], c[2], c[3], c[4], c[5]), 'PX', 2 * window_ms)
  end
end
