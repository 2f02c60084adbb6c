"""Places accepted calls with a doctor and a time, and keeps the doctors' days."""
