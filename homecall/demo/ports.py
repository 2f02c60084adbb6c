"""Ports for servers of ours on 127.0.0.1, which are still free after the server was killed and starts again.

The kernel gives outgoing connections a port of its ephemeral range. A server whose port is among those may find it
taken when it starts again, so none of them is chosen.
"""

from __future__ import annotations

import random
import socket
from collections import deque
from collections.abc import Sequence
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000
_RESERVED: deque[socket.socket] = deque()
# A file descriptor each; a test run asks for some hundred ports, and no server starts so much later than it asked.
_MOST_RESERVED = 200


def candidates() -> Sequence[int]:
    """The ports from 20000 up that no outgoing connection gets by chance; none if the kernel gives them all."""
    try:
        first, last = (int(number) for number in _EPHEMERAL.read_text("ascii").split())
    except (OSError, ValueError):  # not Linux: the range that IANA names
        first, last = 49_152, 65_535
    return [port for port in range(_LOWEST, 65_536) if not first <= port <= last]


def free_port(among: Sequence[int] | None = None) -> int:
    """A port on which nobody listens, and which `free_port` gives to no other process while this one runs.

    Where all of ``among`` (by default `candidates`) are taken, it is any free port.
    """
    ports = candidates() if among is None else among
    for port in random.sample(ports, len(ports)):
        if _reserve(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        any_free: int = probe.getsockname()[1]
        return any_free


def _reserve(port: int) -> bool:
    """Whether a server may listen on it, and this process alone chose it.

    The sign of the choice is the UDP port of the same number, which no server of ours uses: the kernel gives it to one
    process only, and takes it back when that ends.
    """
    sign = socket.socket(type=socket.SOCK_DGRAM)
    try:
        sign.bind(("127.0.0.1", port))
        with socket.socket() as probe:
            probe.bind(("", port))  # a service listens on every address
    except OSError:
        sign.close()
        return False
    _RESERVED.append(sign)
    if len(_RESERVED) > _MOST_RESERVED:
        _RESERVED.popleft().close()
    return True
