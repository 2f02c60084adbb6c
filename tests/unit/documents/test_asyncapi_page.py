"""The page of all events: whatever the document holds can be read there, and every link leads somewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from homecall.contract.asyncapi import document
from homecall.contract.events import MODELS
from homecall.contract.topics import TOPICS
from homecall.documents.asyncapi_page import page

PAGE = page()


class Outline(HTMLParser):
    """Checks that what is opened is closed, and keeps ids, links and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        found = dict(attributes)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if "href" in found else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def outline() -> Outline:
    found = Outline()
    found.feed(PAGE)
    return found


def test_it_is_well_formed_and_every_link_leads_somewhere(outline: Outline) -> None:
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    assert outline.links
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)


def test_every_topic_type_field_and_example_is_there(outline: Outline) -> None:
    spec = document()
    for topic in TOPICS:
        assert topic.name in outline.text
    for event_type in MODELS:
        assert event_type in outline.text
        for example in spec["components"]["messages"][event_type]["examples"]:
            assert example["summary"] in outline.text
    for schema in spec["components"]["schemas"].values():
        for name in schema.get("properties", {}):
            assert name in outline.text


def test_it_stands_alone() -> None:
    """No script, no picture, nothing fetched: it can be handed on as a file."""
    assert not re.search(r"<script|<img|<link|src=|url\(", PAGE)
    assert page() == PAGE
