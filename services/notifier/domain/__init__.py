"""What the notifier decides. Pure: `decide` takes a call, an event and the facts, and says what follows."""
