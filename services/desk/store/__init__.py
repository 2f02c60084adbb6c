"""Where the desk keeps what it hears and what people did. The only package here that touches Mongo."""
