"""Ports to the world outside: who checks signatures, who confirms identities. Each with its real and its test side."""
