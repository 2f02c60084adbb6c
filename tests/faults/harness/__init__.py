"""The proof of what docs/reliability.md promises: faults under load, and a ledger outside the system that judges."""
