"""The law: rule sets, working calendar, acceptance, deadlines. Pure; never reads a clock.

``rules`` holds the figures as dated data, ``calendar`` the clinic's days, ``acceptance``, ``deadlines`` and
``complaints`` the decisions, ``rulings`` why each was taken. Clause ids (C…, R…) are those of the service standard.
"""
