"""The desk: what a clinic's people work with in a browser."""
