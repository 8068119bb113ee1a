-- Removes the dead letters and the quarantined webhooks of a shard that were kept for their time. Burying and publishing
-- trim too; a stream to which nothing more comes would keep its last ones for ever.
--
-- KEYS 1 dead letters   2 quarantine
-- ARGV 1 how long dead letters are kept, ms   2 how long quarantined webhooks are kept, ms
-- RETURNS how many were removed
return trim_to_age(KEYS[1], ARGV[1]) + trim_to_age(KEYS[2], ARGV[2])
