"""The real services on a simulated event loop, Kafka, MongoDB and clock: one seed, one history."""
