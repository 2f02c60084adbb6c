"""``homecall retire``: a clinic's tombstone, signed so that the services take it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.envelope import Record, Unreadable
from homecall.operations.failure import Failure
from homecall.operations.publish import signing
from homecall.operations.retire import retire, tombstone
from homecall.runtime.kafka.senders import Senders

NOW = datetime(2026, 11, 23, 4, 0, 0, 123_000, tzinfo=UTC)


def test_its_record_is_taken_from_the_clinics_sender_and_from_no_other(tmp_path: Path) -> None:
    listed = tmp_path / "senders.json"
    for name in ("samal-1", "samal-2"):
        made = ["senders", "new", name, "--file", str(listed), "--private", str(tmp_path / f"{name}.pem")]
        assert CliRunner().invoke(app, made).exit_code == 0
    senders = Senders(listed)

    def sent(sender: str) -> Record:
        sign = signing(sender, tmp_path / f"{sender}.pem")
        message = sign(tombstone("samal-1", source="/c", now=NOW))
        return Record(message.topic, 0, 0, message.key, message.value, message.headers)

    assert sent("samal-1").value is None
    assert senders.check_tombstone(sent("samal-1")) == NOW
    with pytest.raises(Unreadable, match="another clinic's"):
        senders.check_tombstone(sent("samal-2"))


def test_what_is_no_clinics_id_is_told() -> None:
    with pytest.raises(Failure, match="lower-case letters"):
        retire("Samal 1")
