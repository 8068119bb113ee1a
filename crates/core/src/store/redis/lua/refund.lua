-- Gives a charge back.
--
-- KEYS one for each limit      ARGV five for each limit (limits.lua), as they were charged
-- RETURNS 1
local now = now_us()
for i = 1, #KEYS do
  local kind, a, b, window = limit_at(i)
  local value = redis.call('GET', KEYS[i])
  if value and kind == 'r' then
    local used_up = tonumber(value) - a
    if used_up <= now then
      redis.call('DEL', KEYS[i])
    else
      redis.call('SET', KEYS[i], string.format('%.0f', used_up), 'PX', math.ceil((used_up - now) / 1000))
    end
  elseif value and kind == 'p' then
    local left = read_parts(value, now) - b
    if left <= 0 then
      redis.call('DEL', KEYS[i])
    else
      redis.call('SET', KEYS[i], string.format('%.0f %d', math.floor(now / DAY_US), left), 'KEEPTTL')
    end
  elseif value then
    local c = read_counts(value, window, now)
    -- The window may have moved on since it was charged.
    local at = c[2] > 0 and 2 or 4
    c[at] = math.max(c[at] - 1, 0)
    write_counts(KEYS[i], c, window)
  end
end
return 1
