CREATE TABLE IF NOT EXISTS {migrations} (
    table_name text        NOT NULL,
    version    integer     NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(), -- for people
    PRIMARY KEY (table_name, version)
)
