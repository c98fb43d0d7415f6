SELECT RELEASE_LOCK('session_migrations')
