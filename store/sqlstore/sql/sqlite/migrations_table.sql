CREATE TABLE IF NOT EXISTS {migrations} (
    table_name TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    applied_at TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP, -- for people
    PRIMARY KEY (table_name, version)
) STRICT
