-- Shared by the scripts that append to a stream whose entries are kept for a time, and by the one that only trims.

-- Removes the entries of a stream that are older, to the entry: a stream that is trimmed by whole nodes keeps its last
-- hundred for as long as no more come. Returns how many. What is removed is freed node by node, so many cost little.
local function trim_to_age(stream, kept_ms)
  local time = redis.call('TIME')
  local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(kept_ms)
  return redis.call('XTRIM', stream, 'MINID', string.format('%.0f', math.max(oldest, 0)))
end
