"""Decides on requests, keeps the register's numbers, takes deferred requests up at the opening."""
