"""Rows of the board as HTML, drawn once for all who see them.

A row's text depends on the call's version, the language and the day of the board: on nothing of who asks, whose rights
are checked before. Its place depends on the time, and is put in at each request. A board of 1,500 calls takes a tenth
of the processor time that way, once each row was drawn.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from markupsafe import Markup

from homecall.texts.documents import PageLanguage
from services.desk.boards import Boards
from services.desk.domain.board import Row, order
from services.desk.web.site import Site

_MOST: Final = 8_000
"""Drawn rows that are kept, of some 1.2 KB each."""
_TURN_SECONDS: Final = 0.02
"""So long rows are drawn before others are answered: a board that nobody has seen yet takes half a second."""
_PLACE: Final = Markup("<place>")
"""What no text of a row can hold: there it is escaped."""
_LAST: Final = 9e12


class DrawnRows:
    """The rows that were drawn last, each for one language and day."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._drawn: OrderedDict[tuple[str, PageLanguage, date], tuple[Row, bytes, bytes]] = OrderedDict()

    async def text(self, rows: Iterable[Row], on: date, language: PageLanguage, now: datetime) -> bytes:
        """The rows one behind the other."""
        found: list[bytes] = []
        began = time.perf_counter()
        for row in rows:
            before, after = self._of(row, on, language)
            found += (before, place(row, now).encode(), after)
            if time.perf_counter() - began > _TURN_SECONDS:
                await asyncio.sleep(0)
                began = time.perf_counter()
        return b"".join(found)  # what the template has escaped

    def _of(self, row: Row, on: date, language: PageLanguage) -> tuple[bytes, bytes]:
        key = (row.request_id, language, on)
        known = self._drawn.get(key)
        if known is not None and known[0] is row:
            return known[1], known[2]
        text = self._site.render("board_rows.html", None, language, rows=[row], on=on, order=lambda _: _PLACE)
        before, _, after = (part.encode() for part in text.partition(_PLACE))
        self._drawn.pop(key, None)
        self._drawn[key] = (row, before, after)
        if len(self._drawn) > _MOST:
            self._drawn.popitem(last=False)
        return before, after


class PushedRows:
    """Rows for the browsers of one language, told with what has changed: 1,500 browsers that each fetched them would
    take more than a core."""

    def __init__(self, site: Site, language: PageLanguage) -> None:
        self._site = site
        self.language = language

    async def by_day(self, clinic_id: str, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """For each call its row as HTML on each day whose board shows it; nothing for one that no board of the clinic
        shows. Raises ``Transient``."""
        found: dict[str, dict[str, str]] = {each: {} for each in ids}
        now = self._site.clock.now()
        for row in await boards(self._site).of(clinic_id, ids):
            for on in {each for each in (row.on, row.visits_on) if each is not None}:
                text = await drawn_rows(self._site).text([row], on, self.language, now)
                found[row.request_id][on.isoformat()] = text.decode()
        return found


def pushed_rows(site: Site, language: PageLanguage) -> PushedRows:
    """What draws the rows of a language: one for all its browsers, who are told in one message."""
    found: PushedRows = site.cache.setdefault(f"pushed {language}", PushedRows(site, language))
    return found


def drawn_rows(site: Site) -> DrawnRows:
    """The rows that were drawn last."""
    found: DrawnRows = site.cache.setdefault("drawn", DrawnRows(site))
    return found


def boards(site: Site) -> Boards:
    """The boards of clinics' days, as they are kept in memory."""
    found: Boards = site.cache.setdefault("boards", Boards(site.stores))
    return found


ROWS: Final = Markup("<!--rows-->")
"""Where the rows come in the page of a board: no text of a page can hold it, as it is escaped there."""


def with_rows(page: str, rows: bytes) -> bytes:
    """The page of a board with its rows. They go through no template: 1,500 have more than a megabyte."""
    before, _, after = page.partition(ROWS)
    return b"".join((before.encode(), rows, after.encode()))


def place(row: Row, now: datetime) -> str:
    """Where the row stands, as ``data-order`` has it: group, end of the term in seconds, number."""
    group, due, number = order(row, now)
    return f"{group}:{min(due, _LAST):.0f}:{number}"
