"""The register of calls of a clinic's day as a printed page (C6.1)."""
