-- Ages everything in this Redis by some time, as if that time had passed since it was written.
--
-- KEYS none        ARGV 1 by how much, ms
-- RETURNS number of keys that ended
-- STATE every time to live is shorter by that much, keys without so much are gone, stored times lie further back.
--       A key of a kind that is not listed here is an error, so that none is overlooked.
local by = tonumber(ARGV[1])

local function back(time)
  return math.max(time - by, 0)
end

local function keep(key, value)
  redis.call('SET', key, value, 'KEEPTTL')
end

-- Shifts a six-byte time inside a packed record.
local function shifted(packed, at)
  return packed:sub(1, at - 1) .. struct.pack('>I6', back(struct.unpack('>I6', packed, at))) .. packed:sub(at + 6)
end

local function shift_number(key, factor)
  keep(key, string.format('%.0f', math.max(tonumber(redis.call('GET', key)) - by * factor, 0)))
end

local function shift_fields(key, fields)
  for _, field in ipairs(fields) do
    local time = redis.call('HGET', key, field)
    if time and time ~= '0' then redis.call('HSET', key, field, string.format('%.0f', back(tonumber(time)))) end
  end
end

local function nothing_inside() end

-- By what stands behind the hash tag, up to the first variable part.
local kinds = {
  [':c:'] = nothing_inside,
  [':w'] = function(key)
    local packed = redis.call('GET', key)
    local at = 23
    for _ = 1, packed:byte(22) do
      packed, at = shifted(packed, at), at + 6
    end
    while at <= #packed do
      packed = shifted(packed, at + 1)
      at = at + 8 + packed:byte(at + 7)
    end
    keep(key, packed)
  end,
  [':f'] = function(key)
    local fields = redis.call('HGETALL', key)
    for i = 1, #fields, 2 do
      local packed = fields[i + 1]
      for at = 2, #packed, 13 do packed = shifted(packed, at + 7) end
      redis.call('HSET', key, fields[i], packed)
    end
  end,
  [':r'] = function(key)
    local packed = redis.call('GET', key)
    for at = 1, #packed, 30 do packed = shifted(packed, at + 12) end
    keep(key, packed)
  end,
  [':m'] = function(key)
    local packed, at = redis.call('GET', key), 1
    while at <= #packed do
      packed = shifted(packed, at)
      at = at + 7 + packed:byte(at + 6)
    end
    keep(key, packed)
  end,
  [':x'] = function(key) shift_number(key, 1) end,
  [':ls'] = function(key) shift_number(key, 1000) end,
  [':lv'] = function(key) shift_number(key, 1000) end,
  -- Ends with its day, which its time to live knows.
  [':lp'] = nothing_inside,
  [':k'] = function(key) keep(key, shifted(redis.call('GET', key), 30)) end,
  [':b'] = function(key) shift_fields(key, { 'until', 'probe' }) end,
  [':d:'] = function(key) shift_fields(key, { 'sent' }) end,
  [':n:'] = nothing_inside,
  [':i:'] = nothing_inside,
  -- A position cannot be changed: entries stay as old as they are.
  [':q'] = nothing_inside,
  [':shards'] = nothing_inside,
}

local ended = 0
for _, key in ipairs(redis.call('KEYS', '*')) do
  local name = key:match('}(.*)$') or ''
  local kind = kinds[name] or kinds[name:match('^:%l:') or '']
  if not kind then return redis.error_reply('ERR no way to age ' .. key) end
  local left = redis.call('PTTL', key)
  if left >= 0 and left <= by then
    ended = ended + redis.call('DEL', key)
  else
    kind(key)
    if left >= 0 then redis.call('PEXPIRE', key, left - by) end
  end
end
return ended
