-- The record is read under lock and becomes two rows: itself under the new key,
-- and the mark that takes its place under the old one. Where a live record is
-- under the new key, the statement fails as in create.sql and does nothing. That it
-- has waited counts as in update.sql.
INSERT INTO {table} (session_key, mark, state, subject, created_at, version, expires_at)
SELECT
    IF(part.mark = 0, UNHEX(:to_hex), UNHEX(:key_hex)),
    part.mark,
    CASE
        WHEN part.mark <> 0 THEN '{}'
        WHEN :state IS NULL THEN source.state
        WHEN :clear THEN :state
        ELSE JSON_MERGE_PATCH(source.state, {removals} :state)
    END,
    IF(part.mark = 0, COALESCE(:subject, source.subject), ''),
    IF(part.mark = 0, source.created_at, 0),
    IF(part.mark = 0, source.version + 1, 0),
    CASE
        WHEN part.mark <> 0 THEN {now} + :grace
        WHEN :ttl = 0 THEN source.expires_at
        ELSE {now} + :ttl
    END
FROM {table} AS source CROSS JOIN (SELECT 0 AS mark UNION ALL SELECT 2) AS part
WHERE source.session_key = UNHEX(:key_hex) AND source.mark = 0 AND source.expires_at > (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) + TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6))) DIV 1000
    AND :if_version IN (0, source.version)
    AND IF(JSON_VALID(source.state), JSON_TYPE(source.state), '') = 'OBJECT'
FOR UPDATE
ON DUPLICATE KEY UPDATE
    version = IF({table}.session_key <> UNHEX(:key_hex) AND {table}.mark = 0 AND {table}.expires_at > {now},
        ~0 + {table}.version, VALUES(version)),
    mark = VALUES(mark),
    state = VALUES(state),
    subject = VALUES(subject),
    created_at = VALUES(created_at),
    expires_at = VALUES(expires_at)
