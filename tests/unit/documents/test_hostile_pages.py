"""What is printed with hostile names: shown as text, and never run, followed, fetched or fallen over."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from homecall.contract.events import ClinicPublished
from homecall.documents.letters import as_html as letter_html
from homecall.documents.letters import as_pdf as letter_pdf
from homecall.documents.letters.letters import Letter, receipt, reply
from homecall.documents.routes.routes import DayFacts, routes_of
from homecall.documents.wording import clean
from homecall.operations import journal, routes
from homecall.texts.documents import PageLanguage
from homecall.texts.language import Text
from tests.unit.complaints import casebook
from tests.unit.documents import letter_cases
from tests.unit.documents import register_cases as registers
from tests.unit.documents import route_cases as days

LANGUAGES: tuple[PageLanguage, ...] = get_args(PageLanguage)
PLAIN = "Сынақ Серік"

MARKUP = {
    "script": "<script>alert(1)</script>",
    "a picture of this machine": '<img src="file:///etc/hostname" width="9" height="9"/>',
    "a picture from elsewhere": '<img src="http://127.0.0.1:9/x.png"/>',
    "a link": '<a href="http://127.0.0.1:9/">мұнда</a>',
    "a link of ReportLab's": '<link href="file:///etc/hostname">x</link>',
    "an end of the paragraph": "</para><para alignment='right'>x",
    "a paragraph's own attributes": "<para fontName='/etc/hostname'>x",
    "a font from a file": '<font name="/etc/hostname" size="900">x</font>',
    "markup that does not end": "<b><i><super>x",
    "only its beginning": "<",
    "its end alone": "</b></font>",
    "a line of its own": "<br/>" * 9,
    "a sequence that counts": '<seq id="x"/><seqreset id="x"/>',
    "an index and a drawing": '<onDraw name="x" label="y"/><index item="x"/>',
    "a greek letter": "<greek>a</greek>",
    "entities": "&amp; &#60; &lt;b&gt; &nbsp &unknown; &",
    "an attribute's end": "\" onload=\"x\" ' style='x'",
    "a comment and a section": "<!-- x --><![CDATA[<b>]]><?xml x?>",
    "PDF's own signs": ") Tj ET (x) \\ /URI (http://127.0.0.1:9/) >> endobj %%EOF",
    "templates": "{{7*7}} ${x} %s %(x)s {0} {x!r}",
}
UNSEEN = {
    "turned round": "Сынақ\u202eкіреС\u202c",
    "isolated": "\u2066Сынақ\u2069 \u200fСерік\u061c",
    "controls": "Сынақ\x00\x07\x08\x1b[31m\x7f\x85 Серік",
    "lines": "Сынақ\r\n\tСерік\u2028\u2029\x0b\x0c",
    "of no width": "Сы\u200bнақ\u200d\ufeff Се\u00adрік",
    "marks in heaps": "С" + "\u0301\u0489" * 140,
    "decomposed": "Се\u0308мий\u0306 И\u0306",
    "nothing seen": "\u200b\u200e\u2060",
    "beyond the font": "Сынақ \U0001f468\u200d\U0001f469\u200d\U0001f467 \U000e0041 \ue000 漢字 \u0627\u0644",
}
LONG = {
    "one word": "Ә" * 300,
    "many words": "Ұзақ аты " * 33,
    "hyphens": "аты-" * 75,
    "markup in plenty": "<b>" * 40,
}


def joined(texts: Iterable[str]) -> Iterator[str]:
    """These texts, several in a name of at most 300 characters: a document for each would take its time."""
    name = ""
    for text in texts:
        if len(name) + len(text) > 295:
            yield name
            name = ""
        name = f"{name} {text}".strip()
    yield name


MARKED_UP = list(joined(MARKUP.values()))
NAMES = [*MARKED_UP, *joined(UNSEEN.values()), UNSEEN["nothing seen"], *LONG.values()]


def the_register(name: str, form: str, language: PageLanguage) -> bytes:
    called = ClinicPublished.model_validate(
        registers.CLINIC.model_dump(mode="json") | {"name": {"kk": name or "-", "ru": name or "-"}}
    )
    doctor = {"doctor": {"doctor_id": "d-1", "full_name": name, "specialty": "gp"}}
    entries = [
        registers.entry(
            1,
            patient_name=name,
            address={"text": name},
            registrar={"id": "r-1", "full_name": name},
            oral_answer=dict.fromkeys(("kk", "ru", "en"), name),
            **(registers.visit() | doctor),
        ),
        registers.refused(2, patient_name=name, address={"text": name}),
    ]
    return journal.written(registers.registered(entries, called), form, language)  # type: ignore[arg-type]  # the formats of this file


def the_routes(name: str, form: str, language: PageLanguage, **longer: Any) -> bytes:
    told = {
        "patient": {"full_name": name, "phone": name[:40]},
        "address": dict.fromkeys(("text", "entrance", "floor", "flat", "intercom"), name),
        "note": name,
        **longer,
    }
    facts = DayFacts(
        doctors=[days.doctor("a", name), days.doctor("b", name)],
        bookings={"r1": days.booking("a", "09:05", lat=43.25, lon=76.92), "r2": days.booking("a", "10:00")},
        unavailable={"b": days.at("13:00")},
        requests={each: days.request(number, **told) for number, each in enumerate(("r1", "r2", "r3"), start=1)},
        outcomes={"r1": "served"},
        waiting={"r3"},
    )
    found = routes_of("samal-1", Text(name, name, name), days.DAY, facts)
    return routes.written(found, form, language)  # type: ignore[arg-type]  # the formats of this file


def as_letter(letter: Letter, form: str) -> bytes:
    return letter_pdf.write(letter) if form == "pdf" else letter_html.write(letter)


async def letters(name: str, language: PageLanguage) -> list[Letter]:
    """A receipt and a reply in which every text of others is this one."""
    official = {"full_name": name, "position": name}
    complainant = casebook.DINARA | {"full_name": name, "postal_address": name}
    state, office = await letter_cases.a_case(complainant=complainant, text=f"Шағым: {name}", received_by=official)
    await office.hear(
        casebook.command("assigned", "Tue 2026-11-24 10:00", executor=official, assigned_by=official),
        casebook.command("executed", "Tue 2026-11-24 11:00", measures=f"Өлшем: {name}"),
        casebook.command("answered", "Tue 2026-11-24 12:00", text=f"Жауап: {name}", signed_by=official),
    )
    state = office.state()
    return [receipt(state, 0, letter_cases.CLINIC, language), reply(state, 0, letter_cases.CLINIC, language)]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def looks_harmless(document: bytes, form: str, name: str) -> None:
    """Nothing runs, nothing is linked, nothing was fetched; what was written is there to be read, as it was written."""
    if form == "html":
        tags = Tags()
        tags.feed(document.decode())
        allowed = {"class", "lang", "charset", "name", "content", "scope", "colspan", "http-equiv"}
        assert {tag for tag, _ in tags.found} & {
            "script",
            "img",
            "a",
            "link",
            "iframe",
            "object",
            "para",
            "font",
        } == set()
        for tag, attrs in tags.found:
            if tag not in {"svg", "path", "circle", "line", "text", "rect", "polyline", "g", "col", "th", "td", "tr"}:
                assert {key for key, _ in attrs} <= allowed, (tag, attrs)
            assert not [key for key, _ in attrs if key.startswith("on") or key in {"href", "src"}]
        shown = tags.text
    else:
        reader = PdfReader(io.BytesIO(document), strict=True)
        root = reader.trailer["/Root"]
        assert isinstance(root, DictionaryObject)
        assert not {"/OpenAction", "/AA", "/AcroForm"} & set(root)
        assert len(reader.pages) < 60
        shown = ""
        for page in reader.pages:
            assert not page.get("/Annots")
            assert not list(page.images)
            shown += page.extract_text()
    assert not [each for each in shown if each in "\u202e\u202d\u2066\u2067\u2068\u200f\x1b\x00"]
    if name in MARKED_UP:
        # Where a phone or a number is drawn whole its blanks are other blanks.
        assert "".join(name.split()) in "".join(shown.split())


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize("form", ["pdf", "html"])
@pytest.mark.parametrize("make", [the_register, the_routes])
def test_lists_show_a_hostile_name_as_text(
    make: Callable[[str, str, PageLanguage], bytes], form: str, name: str
) -> None:
    looks_harmless(make(name, form, "kk"), form, name)


@pytest.mark.parametrize("name", [name for name in NAMES if clean(name)])
async def test_letters_show_a_hostile_name_as_text(name: str) -> None:
    for letter in await letters(name, "ru"):
        for form in ("pdf", "html"):
            looks_harmless(as_letter(letter, form), form, name)


@pytest.mark.parametrize("form", ["pdf", "html"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plain_name_is_there_in_each_language(form: str, language: PageLanguage) -> None:
    for make in (the_register, the_routes):
        looks_harmless(make(PLAIN, form, language), form, PLAIN)


@pytest.mark.parametrize("text", ["Ә", "сөз "])
def test_a_note_and_an_address_of_the_greatest_length_stay_on_their_pages(text: str) -> None:
    note, address = (text * 5000)[:5000], {"text": (text * 1000)[:1000]}
    document = the_routes(PLAIN, "pdf", "kk", note=note, address=address)
    looks_harmless(document, "pdf", PLAIN)
    shown = "".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages)
    assert shown.count(text.strip()) >= 2 * (5000 // len(text)), "the whole note is there, for both visits"


@pytest.fixture(autouse=True)
def no_file_access(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that opens a file for which a name asks, or a connection."""
    the_systems = os.open

    def looked_at(path: Any, *args: Any, **more: Any) -> int:
        assert "hostname" not in str(path)
        return the_systems(path, *args, **more)

    monkeypatch.setattr(os, "open", looked_at)
    monkeypatch.setattr("socket.create_connection", _refused)
    monkeypatch.setattr("urllib.request.urlopen", _refused)
    before = Path.open

    def opened(self: Path, *args: Any, **more: Any) -> Any:
        assert "hostname" not in str(self)
        return before(self, *args, **more)

    monkeypatch.setattr(Path, "open", opened)


def _refused(*_: Any, **__: Any) -> None:
    raise AssertionError("a name made a connection")
