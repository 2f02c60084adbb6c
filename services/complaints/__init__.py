"""Keeps complaints: registration, terms, statuses."""
