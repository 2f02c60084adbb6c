"""The demo: a clinic day, its ledger, its screen, and the embedded broker and database."""
