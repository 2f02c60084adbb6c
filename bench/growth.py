"""Many requests stored: intake's own documents, made many of, as if their days were over."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pymongo import MongoClient

from tests.factories import MONDAY

_CHUNK = 2_000
_DAYS = 180


def load(mongo: str, database: str, wanted: int) -> int:
    """Bring a database of intake's up to so many requests, and say how many it has.

    The samples are documents that intake itself has stored there. Each copy is another request of another day of the
    half year before, its visit made and its claim given back, as nearly all of a large store are; with what was said of
    it, which stays until it is erased.
    """
    with MongoClient(mongo) as client:
        requests = client[database].requests
        samples = list(requests.find({"s.status": "accepted"}).limit(200))
        missing = wanted - requests.estimated_document_count()
        rng = random.Random(wanted)
        while missing > 0:
            requests.insert_many(list(_copies(samples, min(_CHUNK, missing), rng)), ordered=False)
            missing -= _CHUNK
        return int(requests.estimated_document_count())


def _copies(samples: list[dict[str, Any]], number: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(number):
        sample = rng.choice(samples)
        request_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        day = MONDAY.date() - timedelta(days=rng.randint(1, _DAYS))
        state = sample["s"] | {"request_id": request_id, "status": "closed", "claim": None}
        state |= {"register_date": day.isoformat(), "visit_date": day.isoformat()}
        outcomes = {
            f"{rng.getrandbits(128):032x}": [
                event
                | {"id": str(uuid.UUID(int=rng.getrandbits(128), version=4)), "subject": request_id}
                | {"value": event["value"].replace(sample["_id"], request_id)}
                for event in events
            ]
            for events in sample["o"].values()
        }
        copy = {name: value for name, value in sample.items() if name not in {"claim", "timer_at"}}
        yield copy | {
            "_id": request_id,
            "v": 3,
            "s": state,
            "o": outcomes,
            "day": day.toordinal(),
            "over_on": day.toordinal(),
        }
