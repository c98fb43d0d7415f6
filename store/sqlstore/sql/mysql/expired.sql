-- What delete_expired.sql is to delete. A statement of its own, as this one
-- takes no locks: within a DELETE it would lock each row that it passes, those
-- included that were deleted and are still to be purged, until the memory for
-- locks is full.
SELECT LOWER(HEX(session_key))
FROM {table}
WHERE expires_at <= {now}
ORDER BY expires_at
LIMIT :limit
