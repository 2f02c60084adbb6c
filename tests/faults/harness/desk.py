"""The desk: two processes at which people work, killed, and cut off from the broker and the database."""

from __future__ import annotations

PLACES = ("desk.stored", "desk.sent", "desk.marked")
"""Where a process of the desk is killed, beside the steps of a batch."""
