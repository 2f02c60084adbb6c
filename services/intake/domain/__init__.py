"""What intake decides: pure functions of a request's state, an event, facts and the time."""
