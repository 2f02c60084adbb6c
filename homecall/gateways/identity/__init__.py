"""The gateway to the state registers: port and HTTP adapter."""
