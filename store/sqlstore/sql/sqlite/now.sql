-- The present moment in milliseconds since 1970 UTC; 'now' is UTC, and the same
-- wherever it stands in a statement. 2440587.5 is the Julian day of 1970.
CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
