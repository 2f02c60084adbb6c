"""The law: rule sets, working calendar, acceptance, deadlines. Pure; never reads a clock."""
