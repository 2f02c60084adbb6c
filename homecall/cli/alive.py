"""Whether the service of this container is alive, for its health check: ``python -m homecall.cli.alive``.

Looks where a service listens: ``HOMECALL_HTTP_PORT``, or the default port of whichever it is. Imports next to nothing,
since it runs every few seconds.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request

# As homecall.runtime.settings.PORTS, which would cost the import of pydantic; a test holds them together.
PORTS = (8100, 8101, 8102, 8103, 8104, 8105)


def alive() -> bool:
    """Whether one of the ports answers at ``/livez`` that all is well."""
    chosen = os.environ.get("HOMECALL_HTTP_PORT")
    return any(_well(int(port)) for port in ((chosen,) if chosen else PORTS))


def _well(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=3) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    raise SystemExit(0 if alive() else 1)
