-- Buries an entry: off the stream, and among the dead letters with everything that is known of it.
--
-- KEYS 1 stream   2 mark of the event   3 dead letters
-- ARGV 1 group   2 consumer   3 position   4 delivery count that this consumer was given
--      5 reason   6 failures   7 the first error   8 the last error
--      9 how long the mark is kept, ms   10 how long dead letters are kept, ms
-- RETURNS 1 buried, 0 somebody else has it now
--
-- A dead letter is an entry with the fields of the event's (i, c, e, r), and: w reason, n starts, a failures,
-- f first error, l last error, d content digest for the mark of a redrive.
local group, position = ARGV[1], ARGV[3]

local mine, failure = held(KEYS[1], group, ARGV[2], position, ARGV[4])
if not mine then return failure or 0 end
local fields = fields_of(KEYS[1], position)
if not fields then return 0 end
take_off(KEYS[1], group, position)
local digest = remark(KEYS[2], 'X', '', ARGV[9]) or string.rep('\0', 8)
redis.call('XADD', KEYS[3], '*', 'i', fields.i or '', 'c', fields.c or '0', 'e', fields.e or '', 'r', fields.r or '',
  'w', ARGV[5], 'n', ARGV[4], 'a', ARGV[6], 'f', ARGV[7], 'l', ARGV[8], 'd', digest)
trim_to_age(KEYS[3], ARGV[10])
return 1
