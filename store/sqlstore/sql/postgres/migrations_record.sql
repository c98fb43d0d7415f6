INSERT INTO {migrations} (table_name, version) VALUES ({table name}, {version})
