"""The scheduler decides: routing and domain, without sockets."""
