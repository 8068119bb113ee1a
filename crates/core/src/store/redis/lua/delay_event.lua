-- Puts an entry off: off the stream, until its time has come. Its starts are forgotten, its failures travel with it.
--
-- KEYS 1 stream   2 mark of the event   3 due times   4 delayed entries
-- ARGV 1 group   2 consumer   3 position   4 delivery count that this consumer was given
--      5 event id   6 delay, ms   7 failures so far   8 the first error   9 the last error
--      10 how long the mark is kept, ms
-- RETURNS 1 put off, 0 somebody else has it now
--
-- Delayed entries are a hash: event id -> the fields of the entry, packed by cmsgpack.
local group, position, id = ARGV[1], ARGV[3], ARGV[5]

local mine, failure = held(KEYS[1], group, ARGV[2], position, ARGV[4])
if not mine then return failure or 0 end
local fields = fields_of(KEYS[1], position)
if not fields then return 0 end
fields.a, fields.f, fields.l = ARGV[7], ARGV[8], ARGV[9]
-- Since when it has been tried: its first position after it was published or redriven says so.
fields.w = fields.w or position:match('^%d+')
take_off(KEYS[1], group, position)
redis.call('HSET', KEYS[4], id, cmsgpack.pack(fields))
local time = redis.call('TIME')
redis.call('ZADD', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[6]), id)
remark(KEYS[2], 'W', '', ARGV[10])
return 1
