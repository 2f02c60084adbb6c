"""What ``HOMECALL_IDENTITY_SHEP_FILE`` says: who asks, which services, with which key, and whose answers are believed.

TOML; secrets stand in files of their own, which it names from its own directory. docs/operations.md has an example.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from homecall.contract.encoding import NotUtf8, decoded
from homecall.gateways.identity.shep.envelope import Route, Sender
from homecall.runtime.settings import SettingsError

SETTING: Final = "HOMECALL_IDENTITY_SHEP_FILE"

_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")
_TYPE = re.compile(r"\{([^{}\s\"<>]+)\}([A-Za-z_][A-Za-z0-9_.-]*)\Z")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
VALUES: Final = ("iin", "message_id", "message_date", "sender_code", "kdp_token", "public_key")
"""What stands in braces in the fields of a request."""


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("plain", "holds a control character")
    return text


def _element_path(text: str) -> str:
    if not all(_ELEMENT.match(part) for part in text.split("/")):
        raise PydanticCustomError("path", "must be names of elements with / between, as in clinic/code")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error:
        raise PydanticCustomError("pattern", "is no regular expression") from None
    return text


Plain = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_plain)]
ElementPath = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_element_path)]
Pattern = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_pattern)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SenderSection(_Section):
    """Who asks: the gateway's account, and the code of the sender in the register's own messages."""

    id: Plain
    password_file: Path
    code: Plain


class _Service(_Section):
    """A service on the synchronous channel."""

    service_id: Plain
    route_id: Plain | None = None
    properties: dict[Plain, Plain] = {}
    data_type: str | None = Field(None, max_length=300)

    @model_validator(mode="after")
    def _typed(self) -> Self:
        if self.data_type is not None and _TYPE.match(self.data_type) is None:
            raise PydanticCustomError("at", "data_type must be a namespace in braces and a name, as in {urn:x}Request")
        return self

    def route(self, data_type: str | None = None) -> Route:
        """How the service is addressed; ``data_type``: the one where the profile names none."""
        found = _TYPE.match(self.data_type or data_type or "")
        typed = None if found is None else (found[1], found[2])
        return Route(self.service_id, self.route_id, tuple(self.properties.items()), typed)


class PersonsSection(_Service):
    """The service of persons: ``universal`` (the older one), or ``token``, with the person's consent."""

    form: Literal["universal", "token"]


class SigningSection(_Section):
    """Our key: a PKCS#12 file and its password, used here (RSA) or by NCANode (GOST)."""

    by: Literal["pkcs12", "ncanode"]
    key_file: Path
    password_file: Path


class AnswersSection(_Section):
    """Whose answers are believed.

    ``trust_store``: a directory with the certificates of the gateway's authority, for rsa; ``crls``: one with lists of
    revoked certificates. ``revocation``: of whom NCANode asks for them. ``bin``: the business number that the
    certificate must name, so that nobody else's of the same authority will do. ``tolerance_seconds``: how far the time
    of an answer may be from ours.
    """

    checked_by: Literal["rsa", "ncanode"]
    trust_store: Path | None = None
    crls: Path | None = None
    revocation: tuple[Literal["OCSP", "CRL"], ...] = ()
    bin: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    tolerance_seconds: float = Field(300, gt=0, le=86_400)


_PERSON = "лиц[оаеу]|человек|персон|граждан|иин|данны[ехм]|запис[ьией]+|сведени[ейя]+|адам|тұлға|жсн|person|iin|record"
_NOT_FOUND: Final = (
    rf"(?:{_PERSON}).{{0,80}}(?:не найден|табылмады|табылған жоқ|not found)",
    rf"(?:не найден[аоы]?|not found).{{0,80}}(?:{_PERSON})",
)
_NO_CONSENT: Final = ("соглас", "келісім", "consent", "кдп", "kdp", "токен", "token")
_OTHERWISE: Final = ("сервис", "маршрут", "отправител", "систем", "service", "route", "sender", "system", "қызмет")


class MeaningsSection(_Section):
    """What the message of the status ``SCSE001``, or of a result, means; regular expressions, whatever the case.

    In this order: ``no_consent``; ``otherwise`` (an error, whatever else it says); ``not_found``; else an error.
    """

    no_consent: tuple[Pattern, ...] = _NO_CONSENT
    otherwise: tuple[Pattern, ...] = _OTHERWISE
    not_found: tuple[Pattern, ...] = _NOT_FOUND


class AttachmentSection(_Service):
    """The service of the register of attached population, whose form is not public: a table of names.

    ``request``: the fields of ``data`` in order, by name, with values such as ``{iin}``. In the answer: ``each``, the
    path to an attachment; inside it the paths of its parts. ``clinics``: our ``clinic_id`` by the register's code; a
    code that is not listed is the id itself. ``result`` and ``done``: where the answer says that it is one.
    """

    request: dict[ElementPath, Plain]
    each: ElementPath
    clinic: ElementPath
    territory: ElementPath | None = None
    attached_from: ElementPath
    attached_until: ElementPath | None = None
    result: ElementPath | None = None
    done: tuple[Plain, ...] = ("00000",)
    clinics: dict[str, Plain] = {}

    @model_validator(mode="after")
    def _known_values(self) -> Self:
        names = {name for value in self.request.values() for name in _PLACEHOLDER.findall(value)}
        if "iin" not in names or not names <= set(VALUES):
            raise PydanticCustomError("at", f"request must hold {{iin}}, and of these only: {', '.join(VALUES)}")
        if any("/" in name for name in self.request):
            raise PydanticCustomError("at", "request: fields inside fields are not built")
        return self


class Profile(_Section):
    """The whole file."""

    sender: SenderSection
    persons: PersonsSection
    signing: SigningSection
    answers: AnswersSection
    meanings: MeaningsSection = MeaningsSection()
    attachment: AttachmentSection | None = None
    time_limit_seconds: float = Field(5, gt=0, le=60)
    """For one call, from connecting to the last byte."""
    at_once: int = Field(8, ge=1, le=100)
    """Calls at one time."""

    @model_validator(mode="after")
    def _trusting(self) -> Self:
        if self.answers.checked_by == "rsa" and self.answers.trust_store is None:
            raise PydanticCustomError("at", "answers.trust_store is missing: checked_by = rsa needs the directory")
        return self


@dataclass(frozen=True, repr=False)
class Read:
    """A profile that was read, with its secrets. No repr."""

    profile: Profile
    directory: Path
    sender: Sender
    key_file: Path
    key_password: str

    def place(self, path: Path) -> Path:
        """Where a file of the profile is."""
        return self.directory / path


def read_profile(file: Path) -> Read:
    """The profile and the secrets that it names. Raises ``SettingsError`` in one line."""
    try:
        given = tomllib.loads(decoded(file.read_bytes()))
    except NotUtf8 as error:
        raise SettingsError(f"{SETTING} {error}") from None
    except (OSError, tomllib.TOMLDecodeError):
        raise SettingsError(f"{SETTING} names a file that is no TOML, or cannot be read") from None
    profile = _profile(given)
    directory = file.parent
    return Read(
        profile,
        directory,
        Sender(profile.sender.id, _secret(directory / profile.sender.password_file, "sender.password_file")),
        directory / profile.signing.key_file,
        _secret(directory / profile.signing.password_file, "signing.password_file"),
    )


def _profile(given: Mapping[str, Any]) -> Profile:
    try:
        return Profile.model_validate(given)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise SettingsError(f"{SETTING}: {place}: {detail['msg']}".replace(": : ", ": ")) from None


def _secret(file: Path, name: str) -> str:
    try:
        text = decoded(file.read_bytes()).strip()
        _plain(text)
    except (OSError, NotUtf8, PydanticCustomError):
        text = ""
    if not text:
        raise SettingsError(f"{SETTING}: {name} names a file that is empty or cannot be read")
    return text
