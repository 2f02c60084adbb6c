"""What the desk decides by itself: what a screen shows, who may do what, and which event an action is. Pure."""
