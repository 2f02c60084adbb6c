"""What is said on the wire: envelope, topics, one model per event type. Pure."""
