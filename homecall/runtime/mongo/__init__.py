"""MongoDB: client, aggregates, sequences, schema, and what its errors mean."""
