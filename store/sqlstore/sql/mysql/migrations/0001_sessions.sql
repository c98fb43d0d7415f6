-- state and subject compare byte by byte. state is no JSON column, as that is a
-- type in MySQL and a name for a text in MariaDB. Texts are long, as one that
-- does not fit would be cut off where sql_mode is not strict. The index of subjects
-- has as much of them as every row format takes.
CREATE TABLE IF NOT EXISTS {table} (
    session_key BINARY(16)      NOT NULL, -- a hash of the session's ID
    mark        TINYINT         NOT NULL, -- 0: a record; 1: one was deleted here; 2: one was renewed
    state       LONGTEXT        NOT NULL, -- a JSON object: each state key with its JSON text, as a string
    subject     LONGTEXT        NOT NULL, -- who is signed in; '' if nobody is
    created_at  BIGINT          NOT NULL, -- milliseconds since 1970 UTC
    version     BIGINT UNSIGNED NOT NULL,
    expires_at  BIGINT          NOT NULL, -- milliseconds since 1970 UTC
    PRIMARY KEY (session_key),
    KEY expires_at (expires_at),
    KEY subject (subject(191))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
