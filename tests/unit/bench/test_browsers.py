"""What a benchmark's browsers say of what they heard: each change once, at the time of its first word."""

from __future__ import annotations

import asyncio

from bench.browsers import Fetches, Stream, deliveries

ONE, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def _heard(*read: tuple[float, str]) -> Stream:
    async def made() -> Stream:
        stream = Stream("", {}, None)
        stream.read = [(at, text.encode()) for at, text in read]
        return stream

    return asyncio.run(made())


def test_the_first_word_of_a_change_counts_and_what_was_not_published_does_not() -> None:
    stream = _heard((10.0, f'data: [{{"id": "{ONE}"}}]'), (11.0, f'data: [{{"id": "{ONE}"}}, {{"id": "{OTHER}"}}]'))
    assert deliveries(stream, {ONE: 9.5}) == [500.0]
    assert deliveries(stream, {ONE: 9.5, OTHER: 10.75}) == [500.0, 250.0]


def test_an_id_that_comes_in_two_pieces_is_heard_with_the_second() -> None:
    stream = _heard((10.0, f'data: [{{"id": "{ONE[:7]}'), (10.5, f'{ONE[7:]}"}}]'))
    assert deliveries(stream, {ONE: 10.0}) == [500.0]


def test_a_browser_fetches_one_part_at_a_time_and_what_came_meanwhile_next() -> None:
    class Wire:
        sent: list[bytes] = []  # noqa: RUF012  # of one test

        def write(self, data: bytes) -> None:
            self.sent.append(data)

    browser = Fetches("session=1", "/board/rows?date=2026-11-23")
    wire = Wire()
    browser.connection_made(wire)
    browser.changed(f'{{"id": "{ONE}"}}'.encode())
    browser.changed(f'{{"id": "{OTHER}"}}'.encode())
    assert [f"ids={ONE} " in wire.sent[0].decode(), len(wire.sent)] == [True, 1]
    browser.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nro")
    assert len(wire.sent) == 1, "the answer is not whole"
    browser.data_received(b"ws")
    assert f"ids={OTHER} " in wire.sent[1].decode()
    assert (len(browser.times), browser.failed) == (1, 0)
