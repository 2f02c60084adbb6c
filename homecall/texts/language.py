"""Texts in Kazakh, Russian and English: one text in three languages, dates, times, counted words. Pure.

Days are cached, so a text costs microseconds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from homecall.texts.cldr import MONTHS, PLURAL, WEEKDAYS, Plural

_ZONE: Final = ZoneInfo("Asia/Almaty")

CONTACT_CENTRE: Final = "1414, 8-800-080-7777"
"""The contact centre's numbers (C10.7, C14, C15), as people write them."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text in the three languages in which it goes out; also a template of one, see `fill`."""

    kk: str
    ru: str
    en: str

    def map(self, change: Callable[[str], str]) -> "Text":
        """The same change in each language."""
        return Text(change(self.kk), change(self.ru), change(self.en))

    def as_dict(self) -> dict[str, str]:
        """As the wire has it: {kk, ru, en}."""
        return {"kk": self.kk, "ru": self.ru, "en": self.en}

    def fill(self, **values: "str | int | Text") -> "Text":
        """Put values into ``{named}`` places; of a `Text`, each language takes its own.

        Braces in values stay as they are. A full stop at the end of both value and sentence is not doubled. Make names
        from outside `plain` first.
        """
        return Text(
            _filled(self.kk, {key: value.kk if isinstance(value, Text) else value for key, value in values.items()}),
            _filled(self.ru, {key: value.ru if isinstance(value, Text) else value for key, value in values.items()}),
            _filled(self.en, {key: value.en if isinstance(value, Text) else value for key, value in values.items()}),
        )


def _filled(template: str, values: Mapping[str, str | int]) -> str:
    line = template.format_map(values)
    return line[:-1] if line.endswith("..") else line


def plain(value: str | None) -> str:
    """A text from outside on one line with single spaces; empty if there is none."""
    return "" if value is None else " ".join(value.split())


def name(kk: str, ru: str) -> Text:
    """A name that has no English form (a clinic's), made `plain`: English texts take the Russian one."""
    return Text(plain(kk), plain(ru), plain(ru))


def number(value: float) -> Text:
    """A decimal number: «38,7» in Kazakh and Russian, "38.7" in English."""
    written = f"{value:g}"
    with_comma = written.replace(".", ",")
    return Text(with_comma, with_comma, written)


def clinic_labelled(name: Text) -> Text:
    """A clinic's name after the word for it: «Поликлиника: «Самал»»; a name that has the word stands alone."""
    return Text(
        name.kk if any(word in name.kk.lower() for word in ("емхана", "клиника")) else f"Емхана: {name.kk}",
        name.ru if "клиник" in name.ru.lower() else f"Поликлиника: {name.ru}",
        name.en if "clinic" in name.en.lower() else f"Clinic: {name.en}",
    )


NOTHING: Final = Text("", "", "")
"""What fills a place in a sentence that is left out."""


def sentences(*parts: Text | None) -> Text:
    """Sentences in their order, one space between; those that are None are left out."""
    return _joined(" ", [part for part in parts if part is not None])


def _joined(by: str, parts: Sequence[Text]) -> Text:
    return Text(by.join(t.kk for t in parts), by.join(t.ru for t in parts), by.join(t.en for t in parts))


# Days and times -------------------------------------------------------------------------------------------------------

_KK_MONTHS, _KK_DAYS = MONTHS["kk"], WEEKDAYS["kk"]
_RU_MONTHS, _RU_DAYS = MONTHS["ru"], WEEKDAYS["ru"]
_EN_MONTHS, _EN_DAYS = MONTHS["en"], WEEKDAYS["en"]
# CLDR knows the nominative only.
_RU_ON_DAYS: Final = (
    "в понедельник",
    "во вторник",
    "в среду",
    "в четверг",
    "в пятницу",
    "в субботу",
    "в воскресенье",
)


@lru_cache(maxsize=1024)
def day(on: date) -> Text:
    """A day to stand after a colon or a dash: «23 ноября 2026 года, понедельник»."""
    month, weekday = on.month - 1, on.weekday()
    return Text(
        f"{on.year} жылғы {on.day} {_KK_MONTHS[month]}, {_KK_DAYS[weekday]}",
        f"{on.day} {_RU_MONTHS[month]} {on.year} года, {_RU_DAYS[weekday]}",
        f"{_EN_DAYS[weekday]} {on.day} {_EN_MONTHS[month]} {on.year}",
    )


@lru_cache(maxsize=1024)
def on_day(on: date) -> Text:
    """A day within a sentence, as one says when something happens: «во вторник, 24 ноября 2026 года»."""
    month, weekday = on.month - 1, on.weekday()
    return Text(
        f"{on.year} жылғы {on.day} {_KK_MONTHS[month]}, {_KK_DAYS[weekday]} күні",
        f"{_RU_ON_DAYS[weekday]}, {on.day} {_RU_MONTHS[month]} {on.year} года",
        f"on {_EN_DAYS[weekday]} {on.day} {_EN_MONTHS[month]} {on.year}",
    )


def local(at: datetime) -> datetime:
    """The moment by the clinic's clock: in the zone that it carries by name, else in Asia/Almaty (R20).

    Raises ValueError when ``at`` has no offset.
    """
    if at.tzinfo is None:
        raise ValueError("time: has no offset from UTC; give it one, such as +05:00")
    return at if isinstance(at.tzinfo, ZoneInfo) else at.astimezone(_ZONE)


def clock(at: datetime) -> str:
    """``HH:MM`` by the clinic's clock. Raises ValueError when ``at`` has no offset."""
    here = local(at)
    return f"{here.hour:02}:{here.minute:02}"


def moment(at: datetime) -> Text:
    """Day and time after a colon or a dash: «24 ноября 2026 года, вторник, 08:00»."""
    here = local(at)
    return day(here.date()).map(lambda on: f"{on}, {clock(here)}")


def window(start: datetime, end: datetime) -> str:
    """``10:00–10:30``, by the clinic's clock."""
    return f"{clock(start)}–{clock(end)}"


# Counted words --------------------------------------------------------------------------------------------------------

_Forms = Mapping[Plural, str]
# Kazakh has the forms one and other, but a noun after a number stays singular in both.
_WITHIN_MINUTES: Final[tuple[_Forms, _Forms, _Forms]] = (
    {"one": "{n} минут ішінде", "other": "{n} минут ішінде"},
    {"one": "в течение {n} минуты", "few": "в течение {n} минут", "many": "в течение {n} минут"},
    {"one": "within {n} minute", "other": "within {n} minutes"},
)
_MINUTES_AT_LATEST: Final[tuple[_Forms, _Forms, _Forms]] = (
    {"one": "{n} минуттан кешіктірмей", "other": "{n} минуттан кешіктірмей"},
    {
        "one": "не позднее чем через {n} минуту",
        "few": "не позднее чем через {n} минуты",
        "many": "не позднее чем через {n} минут",
    },
    {"one": "in {n} minute at the latest", "other": "in {n} minutes at the latest"},
)
_WORKING_DAYS: Final[tuple[_Forms, _Forms, _Forms]] = (
    {"one": "{n} жұмыс күні", "other": "{n} жұмыс күні"},
    {"one": "{n} рабочий день", "few": "{n} рабочих дня", "many": "{n} рабочих дней"},
    {"one": "{n} working day", "other": "{n} working days"},
)


def _counted(n: int, forms: tuple[_Forms, _Forms, _Forms]) -> Text:
    kk, ru, en = forms
    return Text(kk[PLURAL["kk"](n)], ru[PLURAL["ru"](n)], en[PLURAL["en"](n)]).fill(n=n)


@lru_cache(maxsize=256)
def within_minutes(n: int) -> Text:
    """«25 минут ішінде», «в течение 25 минут», "within 25 minutes"."""
    return _counted(n, _WITHIN_MINUTES)


@lru_cache(maxsize=256)
def minutes_at_latest(n: int) -> Text:
    """«22 минуттан кешіктірмей», «не позднее чем через 22 минуты», "in 22 minutes at the latest"."""
    return _counted(n, _MINUTES_AT_LATEST)


@lru_cache(maxsize=256)
def working_days(n: int) -> Text:
    """«22 жұмыс күні», «22 рабочих дня», "22 working days"."""
    return _counted(n, _WORKING_DAYS)


# Names of the contract's fields ---------------------------------------------------------------------------------------

FIELD_NAMES: Final[Mapping[str, Text]] = {
    "data": Text("жіберілген мәліметтер", "отправленные данные", "what was sent"),
    "request_id": Text("өтініштің идентификаторы", "идентификатор заявки", "request id"),
    "complaint_id": Text("шағымның идентификаторы", "идентификатор жалобы", "complaint id"),
    "clinic_id": Text("емхана", "поликлиника", "clinic"),
    "channel": Text("өтініш беру тәсілі", "способ подачи", "way of applying"),
    "queued_at": Text("кезекке тұрған уақыт", "время начала ожидания", "time of joining the queue"),
    "service_started_at": Text(
        "қызмет көрсету басталған уақыт", "время начала обслуживания", "time when service started"
    ),
    "submitted_at": Text("өтініш берілген уақыт", "время подачи", "time of submission"),
    "patient": Text("пациент туралы мәліметтер", "данные пациента", "patient's details"),
    "patient.iin": Text("пациенттің жеке сәйкестендіру нөмірі", "ИИН пациента", "patient's IIN"),
    "patient.full_name": Text("пациенттің аты-жөні", "ФИО пациента", "patient's full name"),
    "patient.birth_date": Text("пациенттің туған күні", "дата рождения пациента", "patient's date of birth"),
    "patient.sex": Text("пациенттің жынысы", "пол пациента", "patient's sex"),
    "patient.phone": Text("пациенттің телефоны", "телефон пациента", "patient's phone"),
    "patient.language": Text("хабарлау тілі", "язык уведомлений", "language of notices"),
    "applicant": Text("өтініш беруші туралы мәліметтер", "данные заявителя", "applicant's details"),
    "applicant.iin": Text("өтініш берушінің жеке сәйкестендіру нөмірі", "ИИН заявителя", "applicant's IIN"),
    "applicant.full_name": Text("өтініш берушінің аты-жөні", "ФИО заявителя", "applicant's full name"),
    "applicant.phone": Text("өтініш берушінің телефоны", "телефон заявителя", "applicant's phone"),
    "applicant.authority": Text("өкілдің өкілеттігі", "полномочия представителя", "representative's authority"),
    "identity_document": Text(
        "жеке басты куәландыратын құжат", "документ, удостоверяющий личность", "identity document"
    ),
    "address": Text("мекенжай", "адрес", "address"),
    "reasons": Text("шақыру себебі", "причина вызова", "reason for the call"),
    "note": Text("ескертпе", "примечание", "note"),
    "temperature_c": Text("дене қызуы", "температура тела", "body temperature"),
    "registrar": Text("тіркеуші туралы мәліметтер", "данные регистратора", "registrar's details"),
    "signature": Text("электрондық цифрлық қолтаңба", "электронная цифровая подпись", "electronic digital signature"),
    "addressed_to": Text("шағымның кімге жолданғаны", "кому адресована жалоба", "to whom the complaint is addressed"),
    "complainant": Text("шағым беруші туралы мәліметтер", "данные лица, подавшего жалобу", "complainant's details"),
    "complainant.full_name": Text("шағым берушінің аты-жөні", "ФИО лица, подавшего жалобу", "complainant's full name"),
    "complainant.postal_address": Text(
        "шағым берушінің пошталық мекенжайы", "почтовый адрес лица, подавшего жалобу", "complainant's postal address"
    ),
    "text": Text("шағымның мәтіні", "текст жалобы", "text of the complaint"),
    "received_by": Text(
        "шағымды қабылдаған адам туралы мәліметтер", "данные принявшего жалобу", "who received the complaint"
    ),
    "answer_by": Text("жауап алу тәсілі", "способ получения ответа", "way of getting the answer"),
    "answer_place": Text("жауап алу орны", "место получения ответа", "place of getting the answer"),
}
"""What people call the fields of `request.submitted` and `complaint.submitted`, by their dotted path."""

_FIELDS_NAMED: Final = 3
_AND_OTHERS: Final = Text("{fields} және т.б.", "{fields} и др.", "{fields} and others")


def field_names(paths: Iterable[str]) -> Text | None:
    """Name the fields with these dotted paths, each once, three at most and then "and others"; None if there are none.

    A path that has no name of its own goes by its nearest parent's; one that has none either stands as it is.
    """
    named = list(dict.fromkeys(_field_name(path) for path in map(plain, paths) if path))
    if not named:
        return None
    shown = _joined("; ", named[:_FIELDS_NAMED])
    return shown if len(named) <= _FIELDS_NAMED else _AND_OTHERS.fill(fields=shown)


def _field_name(path: str) -> Text:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        known = FIELD_NAMES.get(".".join(parts[:length]))
        if known is not None:
            return known
    return Text(path, path, path)
