"""Intake, clause by clause."""
