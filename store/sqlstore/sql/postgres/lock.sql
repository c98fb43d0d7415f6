-- Waits until no other instance is migrating. The number is this package's own;
-- the end of the transaction gives the lock back.
SELECT pg_advisory_xact_lock(7316290563018442091)
