"""What the services stand on, the command, and the demo."""
