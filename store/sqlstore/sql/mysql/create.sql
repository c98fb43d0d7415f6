-- An expired record or a mark is written over, whole. Where a live record is in
-- the way, ~0 + version is out of range: the statement fails and does nothing.
-- The number of rows that it touched could not tell, as drivers count found
-- rows or changed ones. MySQL assigns from left to right, so that version,
-- which looks at mark and expires_at as they were, comes first.
INSERT INTO {table} (session_key, mark, state, subject, created_at, version, expires_at)
VALUES (UNHEX(:key_hex), 0, :state, :subject, :created_at, 1, {now} + :ttl)
ON DUPLICATE KEY UPDATE
    version = IF(mark = 0 AND expires_at > {now}, ~0 + version, VALUES(version)),
    mark = VALUES(mark),
    state = VALUES(state),
    subject = VALUES(subject),
    created_at = VALUES(created_at),
    expires_at = VALUES(expires_at)
