"""A complaint's receipt and reply as letters (C10.2, C10.5)."""
