"""Jobs that an operator runs with the `homecall` command."""
