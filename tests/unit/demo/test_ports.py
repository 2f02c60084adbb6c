"""A port for a server: free, given once, and never one that an outgoing connection may take."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from homecall.demo import ports
from homecall.demo.ports import candidates, free_port


def ephemeral(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = tmp_path / "ip_local_port_range"
    file.write_text(text, "ascii")
    monkeypatch.setattr(ports, "_EPHEMERAL", file)


def test_it_is_no_port_of_the_kernels_range_for_outgoing_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as outgoing:
        assert outgoing.getsockname()[1] not in candidates()
    assert all(free_port() in candidates() for _ in range(20))


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [("32768\t60999\n", 20_000, 65_535), ("49152 65535", 20_000, 49_151), ("1024 30000", 30_001, 65_535)],
)
def test_the_range_is_the_kernels(
    range_: str, first: int, last: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ephemeral(tmp_path, monkeypatch, range_)
    low, high = map(int, range_.split())
    assert (candidates()[0], candidates()[-1]) == (first, last)
    assert not any(low <= port <= high for port in candidates())


def test_without_a_range_to_read_it_is_below_ianas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_EPHEMERAL", tmp_path / "none")
    assert candidates()[-1] == 49_151


def test_where_outgoing_connections_get_every_port_it_is_any_free_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ephemeral(tmp_path, monkeypatch, "1024 65535")
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_a_port_on_which_somebody_listens_is_not_given() -> None:
    taken, left = free_port(), free_port()
    with socket.create_server(("127.0.0.1", taken)):
        release(left)
        assert free_port([taken, left]) == left


def test_a_port_is_given_once_in_this_process_and_beside_it() -> None:
    mine, left = free_port(), free_port()
    assert free_port([mine]) != mine
    release(left)
    asking = f"from homecall.demo.ports import free_port; print(free_port([{mine}, {left}]))"
    done = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True)
    assert int(done.stdout) == left


def release(port: int) -> None:
    """As if this process had not asked for it."""
    (sign,) = (each for each in ports._RESERVED if each.getsockname()[1] == port)
    ports._RESERVED.remove(sign)
    sign.close()
