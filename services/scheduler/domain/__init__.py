"""What the scheduler decides: a call's life, a clinic's day, and the plan of its visits. Pure: no I/O and no clock."""
