"""Decide and store: how a batch of events and the timers change aggregates."""
