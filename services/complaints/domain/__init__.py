"""What complaints decides. Pure: facts and time are arguments, and nothing here waits, stores or sends."""
