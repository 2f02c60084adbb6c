"""Kafka: consumer, producer, global tables, lag, and what its errors mean."""
