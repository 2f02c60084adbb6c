"""How a gateway names things: the profile, the bodies and reports read by it.

Gateways share one kind of JSON: a POST with login, recipients and text for each message, answered with the gateway's id
of it or an error code. The profile (``data/sms.toml``) has the names.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, get_args

from homecall.contract.encoding import NotUtf8, decoded
from homecall.gateways.sms.port import Refused, Report, Reported, Sms, Taken, Unknown, Verdict
from homecall.runtime.settings import Settings, SettingsError

Meaning = Literal["again", "never", "unknown"]

_MOST_REPORTS: Final = 1000
_LONGEST_NAME: Final = 100
"""Of a message id, the gateway's or ours."""
_CODE = re.compile(r"[^A-Za-z0-9_.-]")
_NO_ERROR: Final = ("0", "", "False")


@dataclass(frozen=True, repr=False)
class Account:
    """Who posts, and the sender's name that patients see. No repr: the password is secret."""

    login: str | None = None
    password: str | None = None
    sender: str | None = None


@dataclass(frozen=True)
class Profile:
    """How a gateway names things, as ``data/sms.toml`` explains."""

    send: Mapping[str, str]
    answer: Mapping[str, str]
    errors: Mapping[str, Meaning]
    http: Mapping[str, Meaning]
    report: Mapping[str, str]
    statuses: Mapping[str, Reported]

    @classmethod
    def packaged(cls) -> Profile:
        """The default profile."""
        return cls(**_sections())

    @classmethod
    def read(cls, file: Path) -> Profile:
        """The packaged profile, overridden by the file. Raises ``SettingsError`` in one line."""
        try:
            given = tomllib.loads(decoded(file.read_bytes()))
        except NotUtf8 as error:
            raise SettingsError(f"HOMECALL_SMS_PROFILE {error}") from None
        except (OSError, tomllib.TOMLDecodeError):
            raise SettingsError("HOMECALL_SMS_PROFILE names a file that is no TOML, or cannot be read") from None
        found: dict[str, Any] = {name: dict(section) for name, section in _sections().items()}
        for name, section in given.items():
            if name not in found or not isinstance(section, dict):
                raise SettingsError(f"HOMECALL_SMS_PROFILE: there are only the sections {', '.join(found)}")
            allowed = {"statuses": get_args(Reported), "errors": get_args(Meaning), "http": get_args(Meaning)}.get(name)
            for key, value in section.items():
                if not isinstance(value, str) or (allowed is not None and value not in allowed):
                    form = f"one of {', '.join(allowed)}" if allowed else "a name in quotes"
                    raise SettingsError(f"HOMECALL_SMS_PROFILE: {name}: each value must be {form}")
                if allowed is None and key not in found[name]:
                    raise SettingsError(f"HOMECALL_SMS_PROFILE: {name}: there are only {', '.join(found[name])}")
            found[name] |= section
        return cls(**found)

    def message(self, sms: Sms, account: Account) -> dict[str, Any]:
        """The body to post."""
        values = {"login": account.login, "password": account.password, "to": sms.to, "text": sms.text}
        values |= {"sender": account.sender, "reference": sms.reference}
        body: dict[str, Any] = {}
        for name, value in values.items():
            place = self.send.get(name, "")
            if place and value is not None:
                _put(body, place, value)
        return body

    def verdict(self, status: int, body: bytes) -> Verdict:
        """What an answer means."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        error = _text(found, self.answer["error"])
        if error is not None and error not in _NO_ERROR:
            return _meant(error, self.errors.get(error, "never"))
        if 200 <= status < 300:
            taken = _text(found, self.answer["id"])
            return Taken(taken[:_LONGEST_NAME]) if taken and _is_text(taken) else Unknown("unreadable")
        otherwise: Meaning = "never" if 400 <= status < 500 else "unknown"
        return _meant(f"http_{status}", self.http.get(str(status), otherwise))

    def reports(self, body: bytes) -> list[Report]:
        """The reports in a posted body, without unlisted statuses. Raises ``ValueError`` if it is malformed."""
        try:
            found = json.loads(body)
        except RecursionError:
            raise ValueError("nests too deep") from None
        several = found if isinstance(found, list) else [found]
        if len(several) > _MOST_REPORTS or not all(isinstance(each, dict) for each in several):
            raise ValueError("no report")
        reports = []
        for each in several:
            name, reference = _text(each, self.report["id"]), _text(each, self.report["reference"])
            said = self.statuses.get((_text(each, self.report["status"]) or "").lower())
            if not (name or reference):
                raise ValueError("names no message")
            if reference is not None and len(reference) > _LONGEST_NAME:
                raise ValueError("a reference is too long")
            if not _is_text(f"{name}{reference}"):
                raise ValueError("a name is no text")
            if said is not None:
                reports.append(Report(name[:_LONGEST_NAME] if name else None, reference, said))
        return reports


def _sections() -> dict[str, Any]:
    return tomllib.loads(resources.files("homecall.gateways").joinpath("data/sms.toml").read_text("utf-8"))


def _meant(code: str, meaning: Meaning) -> Verdict:
    if meaning == "unknown":
        return Unknown("failing")
    # It goes into the store and the log: keep only the characters of a code.
    return Refused(_CODE.sub("", code)[:40] or "other", again=meaning == "again")


def _is_text(text: str) -> bool:
    """Whether it can be stored: JSON escapes allow half a surrogate pair, UTF-8 does not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _put(body: dict[str, Any], place: str, value: str) -> None:
    *above, last = place.split(".")
    for name in above:
        body = body.setdefault(name, {})
    body[last.removesuffix("[]")] = [value] if last.endswith("[]") else value


def _text(found: Any, place: str) -> str | None:
    """The value at a dotted place, as text; None if absent or not a plain value. Of a list, the first."""
    for name in place.split(".") if place else ():
        found = found.get(name.removesuffix("[]")) if isinstance(found, dict) else None
        if name.endswith("[]"):
            found = found[0] if isinstance(found, list) and found else None
    return str(found) if place and isinstance(found, str | int | float) else None


def profile_from(settings: Settings) -> Profile:
    """The profile that ``HOMECALL_SMS_PROFILE`` names, or the packaged one."""
    return Profile.packaged() if settings.sms_profile is None else Profile.read(settings.sms_profile)
