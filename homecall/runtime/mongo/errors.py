"""The cause of a database error: the document, our settings, or an outage, so that the command is retried.

The few errors that a document can cause are listed here by code. Every other error is an outage: a recovering server,
a shard without a primary or a proxy may answer with any code.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pymongo.errors import BulkWriteError, ConnectionFailure, PyMongoError, WriteConcernError

from homecall.runtime.failures import Refused, Transient

DUPLICATE_KEY: Final = frozenset({11000, 11001, 12582})
OF_A_DOCUMENT: Final = DUPLICATE_KEY | {
    2,  # BadValue
    9,  # FailedToParse
    14,  # TypeMismatch
    15,  # Overflow
    16,  # InvalidLength
    22,  # InvalidBSON
    28,  # PathNotViable
    30,  # InvalidPath
    40,  # ConflictingUpdateOperators
    52,  # DollarPrefixedFieldName
    53,  # InvalidIdField
    54,  # NotSingleValueField
    55,  # InvalidDBRef
    56,  # EmptyFieldName
    57,  # DottedFieldName
    66,  # ImmutableField
    121,  # DocumentValidationFailure
    171,  # CannotIndexParallelArrays
    241,  # ConversionFailure
    10003,  # CannotGrowDocumentInCappedNamespace
    10334,  # BSONObjectTooLarge
    17280,  # KeyTooLong
    17419,  # the document after an update is too large
    17420,  # the same of an upsert
}
"""Codes of errors that come again with the same document, whatever the state of the server."""

_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = frozenset({11, 18})
_LONGEST_NAME = 60


def caused_by_document(error: PyMongoError) -> bool:
    """Whether the same document fails again on a healthy server.

    In a bulk write each error counts by itself: one that is an outage makes the whole write one, and the rest shows
    when it is tried again.
    """
    if isinstance(error, WriteConcernError):
        return False
    if isinstance(error, BulkWriteError):
        errors, of_concern = _parts(error)
        return bool(errors) and not of_concern and all(each.get("code") in OF_A_DOCUMENT for each in errors)
    return getattr(error, "code", None) in OF_A_DOCUMENT


def only_duplicates(error: BulkWriteError) -> bool:
    """Whether a bulk write failed only for keys that were there already."""
    errors, of_concern = _parts(error)
    return not of_concern and all(each.get("code") in DUPLICATE_KEY for each in errors)


def outage(error: PyMongoError, where: str) -> Transient:
    """The error as one to retry. ``where`` is the server's address, without its password.

    ``Refused`` where the server rejects our credentials or settings. The driver's own text is in neither: it may quote
    a document, or the address with its password.
    """
    codes = {each.get("code") for each in _all_parts(error)} | {getattr(error, "code", None)}
    if codes & _AUTHENTICATION_FAILED or (8000 in codes and "bad auth" in str(error)):
        return Refused("database", "MongoDB refuses the user or the password in HOMECALL_MONGO_URL")
    if _UNAUTHORIZED in codes:
        return Refused(
            "database",
            "MongoDB does not let the user in HOMECALL_MONGO_URL do its work: see homecall access --format mongosh",
        )
    if isinstance(error, ConnectionFailure) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(
            "database", "MongoDB shows a certificate that is not trusted: tlsCAFile and the host in HOMECALL_MONGO_URL"
        )
    if isinstance(error, ConnectionFailure) and "SSL handshake failed" in str(error):
        return Refused(
            "database",
            "MongoDB cannot agree with us on TLS: tls and tlsCertificateKeyFile in HOMECALL_MONGO_URL",
        )
    return Transient("database", error, where, code=_named(error))


def place_of(url: str) -> str:
    """The hosts and ports of an address of MongoDB, without user and password; and the setting it stands in."""
    scheme, _, rest = url.partition("://")
    before = re.split("[/?]", rest, maxsplit=1)[0]
    path, _, options = rest[len(before) :].partition("?")
    hosts = before.rpartition("@")[2]
    if not hosts or "@" in path or ("@" in options and "@" not in before):
        return "HOMECALL_MONGO_URL"  # perhaps a password that is not quoted: no part of it may be shown
    port = "" if scheme.endswith("+srv") else ":27017"
    named = ",".join(each if ":" in each.rpartition("]")[2] else each + port for each in hosts.split(","))
    return f"{named}, HOMECALL_MONGO_URL"


def _parts(error: PyMongoError) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The errors of single writes in a bulk write, and those of its write concern."""
    details: Any = error.details or {} if isinstance(error, BulkWriteError) else {}
    return list(details.get("writeErrors", ())), list(details.get("writeConcernErrors", ()))


def _all_parts(error: PyMongoError) -> list[dict[str, Any]]:
    errors, of_concern = _parts(error)
    return [each for each in errors if each.get("code") not in OF_A_DOCUMENT] + of_concern


def _named(error: PyMongoError) -> str:
    """The code of an error and its name, as in ``code 133 FailedToSatisfyReadPreference``; empty without one."""
    found: list[dict[str, Any]] = _all_parts(error) or _parts(error)[0]
    if not found:
        details: Any = getattr(error, "details", None) or {}
        found = [{**details, "code": getattr(error, "code", None)}]
    code, name = found[0].get("code"), found[0].get("codeName")
    if not isinstance(code, int):
        return ""
    # A server may put anything there: only what looks like a name is shown.
    shown = isinstance(name, str) and name.isidentifier() and len(name) <= _LONGEST_NAME
    return f"code {code} {name}" if shown else f"code {code}"
