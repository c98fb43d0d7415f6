-- The present moment in milliseconds since 1970 UTC. UTC_TIMESTAMP knows no
-- time zone; UNIX_TIMESTAMP(NOW(3)) would go through that of the session, and be
-- an hour off for an hour when daylight saving time ends.
TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000
