"""A golden day: what four services say and store over three weeks of October 2026, byte for byte.

``inputs.jsonl.xz`` has what is sent to them, and how the world outside answers; ``recording.jsonl.xz`` every record of
every topic, and every stored document at the end. `tests/contract/test_golden_day.py` plays the inputs again and
compares.

Whoever changes how the code is made, and not what it does, leaves both files as they are. Record again only for an
intended change that users see (a text, a field, a time, an order of events), in the commit that makes it, and look at
the differences first: the test prints them.

    python -m tests.contract.golden_day            plays the inputs and records what is said and stored
    python -m tests.contract.golden_day --inputs   makes the inputs as well: `plan`; for branches that they do not reach
    python -m tests.contract.golden_day --covers   lists the types, statuses and codes that the recording has, or lacks
"""
