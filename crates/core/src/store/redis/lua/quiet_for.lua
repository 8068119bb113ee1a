-- How long ago something was last appended to the streams of a shard. Survives the entries: what was appended last
-- stands in the stream's own record.
--
-- KEYS 1 stream   2 quarantine
-- RETURNS ms, -1 when nothing ever was
local newest = -1
for _, stream in ipairs(KEYS) do
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if not info.err then
    for at = 1, #info, 2 do
      if info[at] == 'last-generated-id' then
        local ms = tonumber(info[at + 1]:match('^%d+'))
        if ms > 0 and ms > newest then newest = ms end
      end
    end
  end
end
if newest < 0 then return -1 end
local time = redis.call('TIME')
return math.max(time[1] * 1000 + math.floor(time[2] / 1000) - newest, 0)
