CREATE TABLE IF NOT EXISTS {table} (
    session_key BLOB    NOT NULL PRIMARY KEY, -- 16 bytes, a hash of the session's ID
    mark        INTEGER NOT NULL,             -- 0: a record; 1: one was deleted here; 2: one was renewed
    state       TEXT    NOT NULL,             -- a JSON object: each state key with its JSON text, as a string
    subject     TEXT    NOT NULL,             -- who is signed in; '' if nobody is
    created_at  INTEGER NOT NULL,             -- milliseconds since 1970 UTC
    version     INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL              -- milliseconds since 1970 UTC
) STRICT;

CREATE INDEX IF NOT EXISTS {index expires_at} ON {indexed table} (expires_at);

-- A query has to say that subject <> '' to use it.
CREATE INDEX IF NOT EXISTS {index subject} ON {indexed table} (subject) WHERE subject <> '';
