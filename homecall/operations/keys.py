"""``homecall keys``: make the keys of personal data, and rotate them. No key is ever printed."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict

from homecall.contract.encoding import NotUtf8, decoded
from homecall.operations.failure import Failure
from homecall.runtime.encryption import BadKeys, key_ring, keys_object
from homecall.runtime.settings import DOTENV, SettingsError, check_dotenv

Keys = dict[str, Any]


class _Where(BaseSettings):
    """The file's setting alone: the whole of the settings would not load before the file is there."""

    model_config = SettingsConfigDict(
        env_prefix="HOMECALL_", env_file=DOTENV, env_file_encoding="utf-8-sig", extra="ignore"
    )

    keys_file: Path | None = None


def new(file: Path | None, *, standby: bool) -> None:
    """Make the keys file, or add a key to it that seals from now on; with ``standby`` it only opens for now."""
    path = _path(file)
    with _replaced(path) as keys:
        name = add_key(keys, datetime.now(UTC).year, standby=standby)
    opening = "it alone opens" if len(keys["keys"]) == 1 else f"all {len(keys['keys'])} open"
    print(f"{path}: added key {name}; {keys['current']} seals, {opening}")
    if keys["current"] != name:
        print(f"give the file to each service and restart it, then: homecall keys use {name}")
    elif len(keys["keys"]) > 1:
        print("give the file to each service and restart it; keep the older keys until all is resealed")
    else:
        print("keep a copy in a safe place: without it, what is sealed is lost")


def use(name: str, file: Path | None) -> None:
    """Seal with a key that the file holds already."""
    path = _path(file)
    with _replaced(path) as keys:
        key_ring(keys)
        if name not in keys["keys"]:
            raise BadKeys("holds no key of that name; homecall keys new adds one")
        keys["current"] = name
    print(f"{path}: {name} seals; give the file to each service and restart it")


def add_key(keys: Keys, year: int, *, standby: bool) -> str:
    """Add a fresh key, and say its name; it becomes the current one, with ``standby`` only if there is none.

    An empty object becomes a whole keys file; one that holds "lookup" alone keeps it. Raises
    ``BadKeys``, with nothing changed.
    """
    if keys and not keys.keys() & {"lookup", "keys", "current"}:
        raise BadKeys("is no keys file: name another, or one that is not there yet")
    if "keys" in keys or "current" in keys:
        key_ring(keys)
    held = keys.get("keys", {})
    name = next_id(held, year)
    changed: Keys = {"lookup": secrets.token_hex(32), **keys, "keys": {**held, name: secrets.token_hex(32)}}
    if not standby or "current" not in changed:
        changed["current"] = name
    key_ring(changed)
    keys.update(changed)
    return name


def next_id(held: Iterable[str], year: int) -> str:
    """The name of the next key: the year, and a number above all that the year has."""
    form = re.compile(rf"{year}-(\d{{1,9}})\Z", re.ASCII)
    return f"{year}-{max((int(match[1]) for name in held if (match := form.match(name))), default=0) + 1}"


def _named() -> Path | None:
    try:
        check_dotenv()
    except SettingsError as error:
        raise Failure(str(error)) from None
    return _Where().keys_file


def _path(file: Path | None) -> Path:
    path = file or _named()
    if path is None:
        raise Failure("name the file: --file, or HOMECALL_KEYS_FILE")
    # What a link points to is replaced, not the link.
    return path.resolve()


@contextmanager
def _replaced(path: Path) -> Iterator[Keys]:
    """The file's keys, to be changed in place; then the file is replaced as a whole, or left as it was."""
    beside = path.with_name(f"{path.name}.new")
    try:
        # Readable by its owner alone from the first moment; and the lock against a second run at the same time.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failure(f"{beside} exists: another run is under way, or broke off; if not, delete it") from None
    except OSError as error:
        raise Failure(f"{beside}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            keys = _read(path)
            yield keys
            json.dump(keys, out, indent=2)
            out.write("\n")
            out.flush()
            _like(path, out.fileno())
            os.fsync(out.fileno())
        beside.replace(path)
    except BadKeys as error:
        raise Failure(f"{path}: {error}") from None
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def _read(path: Path) -> Keys:
    try:
        return keys_object(decoded(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except NotUtf8 as error:
        raise BadKeys(str(error)) from None


def _like(path: Path, handle: int) -> None:
    """Give the new file to whom the old one belongs, and to the group that may read it: the services do."""
    try:
        was = path.stat()
    except FileNotFoundError:
        return
    os.fchown(handle, was.st_uid, was.st_gid)
    os.fchmod(handle, was.st_mode & 0o640)
