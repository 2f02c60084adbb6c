"""The gateway for text messages: port, profile and HTTP adapter."""
