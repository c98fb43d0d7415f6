-- fillfactor leaves room in each page for the next version of its rows: an
-- update that does not move expires_at then touches no index.
CREATE TABLE IF NOT EXISTS {table} (
    session_key bytea    NOT NULL PRIMARY KEY,       -- 16 bytes, a hash of the session's ID
    mark        smallint NOT NULL,                   -- 0: a record; 1: one was deleted here; 2: one was renewed
    state       jsonb    NOT NULL,                   -- each state key with its JSON text, as a string
    subject     text     NOT NULL,                   -- who is signed in; '' if nobody is
    created_at  bigint   NOT NULL,                   -- milliseconds since 1970 UTC
    version     bigint   NOT NULL,
    expires_at  bigint   NOT NULL                    -- milliseconds since 1970 UTC
) WITH (fillfactor = 80);

CREATE INDEX IF NOT EXISTS {index expires_at} ON {indexed table} (expires_at);

-- A hash, as a subject may be longer than what a B-tree takes. A query has to
-- say that subject <> '' to use it.
CREATE INDEX IF NOT EXISTS {index subject} ON {indexed table} USING hash (subject) WHERE subject <> '';
