"""Topics declared, created and subscribed are one set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homecall.contract.asyncapi import document
from homecall.contract.topics import SERVICES, TOPICS, read_by
from homecall.operations.serve import build
from homecall.runtime.clock import SystemClock
from homecall.runtime.settings import load_settings


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_subscribes_to_what_the_registry_says(name: str) -> None:
    service = build(name, load_settings(env="development", signatures="off"), SystemClock())
    subscribed = {topic.name for topic in service.topics} | {table.topic.name for table in service.tables}
    assert subscribed == {topic.name for topic in read_by(name)}
    assert all(topic.whole == (topic.name in {table.topic.name for table in service.tables}) for topic in read_by(name))


def test_the_document_declares_the_same() -> None:
    channels: dict[str, Any] = document()["channels"]
    assert {channel["address"] for channel in channels.values()} == {topic.name for topic in TOPICS}


def test_every_topic_has_a_writer_and_a_reader() -> None:
    assert all(topic.writers and topic.readers for topic in TOPICS)


def test_no_topic_is_named_outside_the_registry() -> None:
    """A topic's name in code would be one that no check of ours sees."""
    root = Path(__file__).parents[2]
    named = {
        path.name
        for part in ("homecall", "services")
        for path in (root / part).rglob("*.py")
        if path.name != "topics.py" and any(f'"{topic.name}"' in path.read_text() for topic in TOPICS)
    }
    assert named == set()
