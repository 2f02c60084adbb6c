"""``homecall up`` makes its test authority once in a directory that is kept, and never over what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecall.demo import up
from homecall.gateways.signatures.dev_authority import TRUST_STORE
from homecall.operations.failure import Failure


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return up.authority_in(tmp_path / "kept" / "authority")


def files(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_same_directory_has_the_same_authority(authority: Path) -> None:
    before = files(authority)
    assert up.authority_in(authority) == authority
    assert files(authority) == before


@pytest.mark.parametrize("broken", ["authority.pem", "nothing in the trust store", "a key that is none"])
def test_what_cannot_be_read_is_told_and_left_alone(authority: Path, broken: str) -> None:
    if broken == "authority.pem":
        (authority / TRUST_STORE / broken).write_text("no certificate")
    elif broken == "nothing in the trust store":
        (authority / TRUST_STORE / "authority.pem").unlink()
    else:
        (authority / "private" / "signer-key.pem").write_text("no key")
    before = files(authority)
    with pytest.raises(Failure, match="no test authority can be read or made there: remove it"):
        up.authority_in(authority)
    assert files(authority) == before
