SHOW VARIABLES WHERE Variable_name IN (
    'autocommit', 'character_set_client', 'character_set_connection', 'character_set_results', 'sql_mode',
    'sql_safe_updates', 'sql_select_limit', 'transaction_isolation', 'tx_isolation'
)
