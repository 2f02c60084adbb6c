"""Says statuses and register entries, and watches the time to the answer."""
