"""The register of persons of a demo or of ``homecall up``: the stand-in of the gateway, and what a client needs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from homecall.demo.shep.client_files import write_client_files
from homecall.demo.shep.gateway import Access, Gateway
from homecall.demo.shep.keys import Keys
from homecall.demo.shep.register import Entry, Register, invented
from homecall.demo.shep.server import PATH, serving
from homecall.gateways.signatures.dev_authority import DevAuthority
from homecall.operations.terminal import counted


@dataclass(frozen=True)
class PersonsGateway:
    """A running stand-in: what ``HOMECALL_IDENTITY`` and ``HOMECALL_IDENTITY_SHEP_FILE`` name."""

    gateway: Gateway
    address: str
    file: Path

    def line(self) -> str:
        """How often it was asked."""
        asked = len(self.gateway.asked)
        return f"The register of persons answered {counted(asked, 'question')}, each in signed SOAP."


@contextlib.contextmanager
def persons_gateway(
    directory: Path, authority: DevAuthority, register: Register, *, attachments: bool = False
) -> Iterator[PersonsGateway]:
    """Serve the stand-in on a free port until the end of the block; its client's files are in ``directory``.

    ``attachments``: the client asks for them too, by a made-up service.
    """
    keys, access = Keys(authority), Access()
    gateway = Gateway(keys, register, access)
    file = write_client_files(directory, keys, access, attachments=attachments)
    with serving(gateway) as server:
        yield PersonsGateway(gateway, f"shep+{server.url}{PATH}", file)


def register_of(patients: Mapping[str, Mapping[str, Any]]) -> Register:
    """A register of these patients, by IIN: with their names, and born when they say."""
    return Register({iin: _entry(iin, patient) for iin, patient in patients.items()})


def _entry(iin: str, patient: Mapping[str, Any]) -> Entry:
    surname, _, name = str(patient["full_name"]).partition(" ")
    born = date.fromisoformat(patient["birth_date"]) if "birth_date" in patient else None
    return replace(invented(iin), surname=surname, name=name, patronymic=None, birth_date=born)
