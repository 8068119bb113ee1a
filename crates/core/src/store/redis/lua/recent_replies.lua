-- Shared by the scripts that say how a claimed reply ended.

-- No longer counts a reply that was not sent. `counted` is its time as the claim has it, 6 bytes.
local function uncount(recent_key, counted)
  local recent = redis.call('GET', recent_key) or ''
  for at = 1, #recent, 6 do
    if recent:sub(at, at + 5) == counted then
      local rest = recent:sub(1, at - 1) .. recent:sub(at + 6)
      if rest == '' then redis.call('DEL', recent_key) else redis.call('SET', recent_key, rest, 'KEEPTTL') end
      return
    end
  end
end
