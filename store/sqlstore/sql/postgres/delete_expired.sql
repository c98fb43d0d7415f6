-- SKIP LOCKED lets sweepers take different rows, and lets go of a row that
-- somebody is creating a record over. The array is made once; IN (SELECT …)
-- could be run again for each row, and so take more than its limit. The
-- present moment in a SELECT of its own is one value, which the index can be
-- asked for.
DELETE FROM {table}
WHERE session_key = ANY (ARRAY(
    SELECT session_key
    FROM {table}
    WHERE expires_at <= (SELECT {now})
    ORDER BY expires_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
))
