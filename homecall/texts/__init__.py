"""What people read in Kazakh, Russian and English. Pure."""
