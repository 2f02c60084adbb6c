"""A process with all services: its desk asks the scheduler beside it, unless the operator says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from homecall.operations.serve import with_offers_here
from homecall.runtime.settings import Settings


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "http://127.0.0.1:8100"),
        ({"http_port": 9000}, "http://127.0.0.1:9000"),
        ({"http_host": "0.0.0.0"}, "http://127.0.0.1:8100"),
        ({"http_host": "::"}, "http://[::1]:8100"),
        ({"http_host": "10.0.0.7"}, "http://10.0.0.7:8100"),
        ({"http_port": 0}, None),
        ({"offers_url": "http://scheduler:8102"}, "http://scheduler:8102"),
        ({"offers_url": ""}, ""),
    ],
)
def test_where_the_windows_are_asked_for(given: dict[str, Any], asked: str | None) -> None:
    assert with_offers_here(Settings(_env_file=None, **given)).offers_url == asked
