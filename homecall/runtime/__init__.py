"""How a service runs: settings, clock, Kafka pipeline, dead letters, Mongo, timers, metrics, health."""
