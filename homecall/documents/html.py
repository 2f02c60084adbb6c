"""The frame of what is printed as HTML: one file with its style, and nothing from elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from homecall.documents.markup import STYLE


def document(language: str, title: str, style: Path, body: Iterator[str]) -> bytes:
    """The page in UTF-8. ``title`` is escaped here, ``body`` where it is made; a script would not run."""
    lines = [
        "<!doctype html>",
        f'<html lang="{language}">',
        "<head>",
        '<meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style.read_text(encoding='utf-8')}{STYLE}</style>",
        "</head>",
        "<body>",
        *body,
        "</body>",
        "</html>",
    ]
    return "\n".join(lines).encode() + b"\n"
