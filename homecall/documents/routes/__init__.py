"""The doctors' lists of a clinic's day."""
