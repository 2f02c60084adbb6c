"""What a benchmark's browsers say of what they heard: each change once, at the time of its first word."""

from __future__ import annotations

import asyncio
import json

from bench.browsers import Stream, deliveries

ONE, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def _rows(*ids: str) -> str:
    rows = {each: {"2026-11-23": f'<tr data-request-id="{each}">'} for each in ids}
    return f"data: {json.dumps({'rows': rows})}"


def _heard(*read: tuple[float, str]) -> Stream:
    async def made() -> Stream:
        stream = Stream("", {})
        stream.read = [(at, text.encode()) for at, text in read]
        return stream

    return asyncio.run(made())


def test_the_first_word_of_a_change_counts_and_what_was_not_published_does_not() -> None:
    stream = _heard((10.0, _rows(ONE)), (11.0, _rows(ONE, OTHER)))
    assert deliveries(stream, {ONE: 9.5}) == [500.0]
    assert deliveries(stream, {ONE: 9.5, OTHER: 10.75}) == [500.0, 250.0]


def test_a_word_from_before_the_change_is_not_of_it() -> None:
    assert deliveries(_heard((9.0, _rows(ONE)), (10.0, _rows(ONE))), {ONE: 9.5}) == [500.0]


def test_an_id_that_comes_in_two_pieces_is_heard_with_the_second() -> None:
    stream = _heard((10.0, _rows(ONE)[:-30]), (10.5, _rows(ONE)[-30:]))
    assert deliveries(stream, {ONE: 10.0}) == [500.0]
