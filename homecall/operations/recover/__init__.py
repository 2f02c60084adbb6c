"""``homecall recover``: after a restore, what came since the backup is handled again."""
