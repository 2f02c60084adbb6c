"""A letter as one HTML file, with its style and nothing from elsewhere: to look at, and to print. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from homecall.documents.html import document
from homecall.documents.letters.letters import Letter, Pair, Part
from homecall.documents.markup import marked_up

_STYLE = Path(__file__).with_name("letter.css")


def write(letter: Letter) -> bytes:
    """The letter in UTF-8; whatever came from outside is escaped, and a script would not run."""
    return document(letter.language, letter.title, _STYLE, _body(letter))


def _body(letter: Letter) -> Iterator[str]:
    yield "<header>"
    yield f'<div><p class="organisation">{escape(letter.organisation)}</p>'
    yield f'<p class="small">{marked_up(letter.contacts)}</p>' if letter.contacts else ""
    yield from (f"<p>{escape(each)}</p>" for each in letter.references)
    yield "</div><div>"
    if letter.stamp:
        yield from _pairs(letter.stamp, "stamp")
    yield from (f'<p class="receiver">{escape(each)}</p>' for each in letter.receiver)
    yield "</div></header>"
    yield f"<h1>{escape(letter.title)}</h1>"
    for part in letter.parts:
        yield from _part(part)
    yield '<section class="end">'
    yield '<div class="signature">'
    yield f"<p><b>{escape(letter.office)}</b><br><small>{escape(letter.stamp_place)}</small></p>"
    yield f"<p><u></u><small>{escape(letter.captions[0])}</small></p>"
    yield f"<p><u>{escape(letter.signed_by)}</u><small>{escape(letter.captions[1])}</small></p>"
    yield "</div>"
    yield from (f'<p class="small">{marked_up(each)}</p>' for each in letter.notes)
    yield f'<p class="small subject">{escape(letter.subject)}</p>'
    yield "</section>"


def _part(part: Part) -> Iterator[str]:
    yield "<section>"
    if part.heading:
        yield f"<h2>{escape(part.heading)}</h2>"
    if part.pairs:
        yield from _pairs(part.pairs, "pairs")
    if part.rows:
        yield '<table class="times">'
        yield "<thead><tr>"
        yield from (f'<th scope="col">{escape(each)}</th>' for each in part.head)
        yield "</tr></thead>"
        yield "<tbody>"
        yield from (f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in part.rows)
        yield "</tbody></table>"
    yield from (f"<p>{marked_up(each)}</p>" for each in part.paragraphs)
    if part.points:
        yield f"<ul>{''.join(f'<li>{marked_up(each)}</li>' for each in part.points)}</ul>"
    yield "</section>"


def _pairs(pairs: Sequence[Pair], kind: str) -> Iterator[str]:
    yield f'<table class="{kind}"><tbody>'
    yield from (f'<tr><th scope="row">{escape(name)}</th><td>{marked_up(value)}</td></tr>' for name, value in pairs)
    yield "</tbody></table>"
