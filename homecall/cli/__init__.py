"""The `homecall` command, the demo and the embedded stack."""
