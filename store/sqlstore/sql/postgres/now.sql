-- The present moment in milliseconds since 1970 UTC. The epoch of a timestamp
-- with time zone is the same in every time zone; now() AT TIME ZONE 'UTC' would
-- not be. clock_timestamp() goes on while a statement waits for the lock of a
-- row, so that a write that waited for another one does not bring back what expired
-- meanwhile.
CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)
