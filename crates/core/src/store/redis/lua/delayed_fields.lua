-- Shared by the scripts that read delayed entries.

local FIELDS = { 'i', 'c', 'e', 'r', 'a', 'f', 'l' }

-- The fields of a delayed entry, by name. Bytes that somebody else has spoilt are those of an event that cannot be
-- read: it becomes a dead letter with them, and keeps no other from its turn.
local function delayed_fields(id, packed)
  local unpacked, fields = pcall(cmsgpack.unpack, packed)
  local whole = unpacked and type(fields) == 'table'
  for _, name in ipairs(FIELDS) do whole = whole and type(fields[name]) == 'string' end
  -- An earlier release put events off without it.
  whole = whole and type(fields.w or '') == 'string'
  return whole and fields or { i = id, c = '0', e = '', r = packed, a = '0', f = '', l = '' }
end
