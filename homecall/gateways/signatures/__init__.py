"""Who signed a request or a complaint: the port, its verdicts and its verifiers."""
