-- Waits a second for other instances that are migrating, here or in another
-- database of the server. 1 when the lock is there. Statements that define
-- tables end every transaction, so that no transaction could hold it.
SELECT GET_LOCK('session_migrations', 1)
