"""``homecall reconcile``: the stores of intake, scheduler and notifier, compared."""
