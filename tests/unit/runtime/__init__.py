"""How a service runs: pipeline, engine, clock, settings, logs."""
