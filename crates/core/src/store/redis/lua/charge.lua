-- Charges all limits of one subject, or none.
--
-- KEYS one for each limit      ARGV five for each limit (limits.lua)
-- RETURNS {1, noticed 0|1} granted; noticed: a limit that only observes would have denied it
--         {0, number of the limit (from 1), wait ms} denied, nothing changed
local now = now_us()
local values, noticed = {}, 0

for i = 1, #KEYS do
  local kind, a, b, window, deny = limit_at(i)
  values[i] = redis.call('GET', KEYS[i])
  if kind == 'r' then
    local over = math.max(tonumber(values[i]) or 0, now) + a - now - a * b
    if over > 0 then return { 0, i, math.ceil(over / 1000) } end
  elseif kind == 'p' then
    if read_parts(values[i], now) + b > a then
      return { 0, i, math.ceil((DAY_US - now % DAY_US) / 1000) }
    end
  else
    local c = read_counts(values[i], window, now)
    local verified = c[3] + c[5]
    if c[2] + c[4] - verified >= a + b * verified then
      if deny then return { 0, i, math.ceil((c[1] + 1) * window - now / 1000) } end
      noticed = 1
    end
  end
end

for i = 1, #KEYS do
  local kind, a, b, window = limit_at(i)
  if kind == 'r' then
    local used_up = math.max(tonumber(values[i]) or 0, now) + a
    redis.call('SET', KEYS[i], string.format('%.0f', used_up), 'PX', math.ceil((used_up - now) / 1000))
  elseif kind == 'p' then
    local parts = string.format('%.0f %d', math.floor(now / DAY_US), read_parts(values[i], now) + b)
    redis.call('SET', KEYS[i], parts, 'PX', math.ceil((DAY_US - now % DAY_US) / 1000))
  else
    local c = read_counts(values[i], window, now)
    c[2] = c[2] + 1
    write_counts(KEYS[i], c, window)
  end
end
return { 1, noticed }
