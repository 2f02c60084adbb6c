"""The scheduler's windows for a call that is being typed: port and HTTP adapter."""
