-- Tells the time, for what is worked out outside of scripts. A script and not `TIME` itself, so that on a cluster the
-- server is asked that has the key.
--
-- KEYS 1 any key of the server that is asked
-- RETURNS ms since the Unix epoch
return now_ms()
