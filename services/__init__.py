"""Homecall: the state service "Calling a doctor to the home", carried out over Kafka and MongoDB."""
