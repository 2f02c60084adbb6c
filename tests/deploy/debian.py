"""Programs from Debian's packages, unpacked into ``.stack/``: nothing is installed, and no daemon is started.

Where apt is not there, or has no such package, the test is skipped, and says so.
"""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.infrastructure.stack import CACHE


@functools.cache
def program(name: str, package: str) -> str:
    """The path of a program: the one that is installed, else the one of Debian's package. Skips without either."""
    installed = shutil.which(name)
    if installed is not None:
        return installed
    unpacked = CACHE / f"debian-{package}"
    if not unpacked.is_dir():
        CACHE.mkdir(exist_ok=True)
        # Test processes run beside each other: the first unpacks, the others find it done.
        with (CACHE / f"debian-{package}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not unpacked.is_dir():
                _unpack(package, unpacked)
    return str(unpacked / "usr" / "bin" / name)


def _unpack(package: str, to: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip(f"{package} is neither installed nor to be had: there is no apt here")
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        unfinished = Path(directory)
        unfinished.chmod(0o755)
        if _apt(["download", package], unfinished) != 0 and not (
            os.getuid() == 0 and _apt(["update"], unfinished) == 0 and _apt(["download", package], unfinished) == 0
        ):
            pytest.skip(f"{package} is not installed, and apt-get download {package} fails")
        (archive,) = unfinished.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(unfinished / "files")], check=True)
        (unfinished / "files").rename(to)


def _apt(command: list[str], directory: Path) -> int:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(["apt-get", "-q", *command], cwd=directory, check=False, **quiet).returncode  # type: ignore[call-overload]  # the same for each call
