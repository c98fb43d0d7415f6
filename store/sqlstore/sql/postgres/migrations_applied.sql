SELECT version FROM {migrations} WHERE table_name = {table name}
