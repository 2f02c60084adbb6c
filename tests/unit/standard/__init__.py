"""The law, by tables that a lawyer could read."""
