"""``make audit``: what is known against the versions in the lock files, by pip-audit.

``ARGS="--advisories DIR"`` judges by advisories that are here and asks nobody: a directory or a zip of OSV's JSON, such
as OSV's own export for PyPI, brought in by whoever may. Without it the package index is asked, as pip-audit does.

Exits with 0 where nothing is known, 1 where something is, 2 where the advisories are none, and 77 where it could not be
tried, which it says in its last line. ``--ignore ID`` leaves one out that was judged; say why in docs/security.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from tests.supply.sbom import ROOT, canonical, locked

LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")
KNOWN, NO_ADVISORIES, NOT_TRIED = 1, 2, 77
_OLD = timedelta(days=30)

Advisory = dict[str, Any]


class Advisories:
    """Advisories in OSV's form, for the packages that are asked about."""

    def __init__(self, place: Path, names: set[str]) -> None:
        self._by_name: dict[str, list[Advisory]] = {}
        self.count = 0
        self.newest: datetime | None = None
        for text in _texts(place):
            advisory = json.loads(text)
            if "id" not in advisory or "affected" not in advisory:
                continue
            self.count += 1
            if "modified" in advisory:
                modified = datetime.fromisoformat(advisory["modified"])
                self.newest = modified if self.newest is None else max(self.newest, modified)
            for each in _of_pypi(advisory):
                # In the form in which pip-audit asks, and compares what it is given.
                each["package"]["name"] = canonical(each["package"]["name"])
            for name in {each["package"]["name"] for each in _of_pypi(advisory)} & names:
                self._by_name.setdefault(name, []).append(advisory)

    def against(self, name: str, version: str) -> list[Advisory]:
        """Those that concern this version."""
        return [each for each in self._by_name.get(canonical(name), ()) if concerns(each, name, version)]


def _texts(place: Path) -> Iterator[bytes]:
    if place.is_dir():
        for path in sorted(place.rglob("*.json")):
            yield path.read_bytes()
    elif zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json"):
                    yield archive.read(name)


def _of_pypi(advisory: Advisory) -> Iterator[dict[str, Any]]:
    for each in advisory["affected"]:
        if each.get("package", {}).get("ecosystem") == "PyPI":
            yield each


def concerns(advisory: Advisory, name: str, version: str) -> bool:
    """Whether an advisory concerns a version: it is listed, or lies in a range of versions, by OSV's own rules."""
    asked = Version(version)
    for affected in _of_pypi(advisory):
        if canonical(affected["package"]["name"]) != canonical(name):
            continue
        if any(_parsed(each) == asked for each in affected.get("versions", ())):
            return True
        for span in affected.get("ranges", ()):
            if span["type"] == "ECOSYSTEM" and _within(asked, span["events"]):
                return True
    return False


def _within(asked: Version, events: Sequence[Mapping[str, str]]) -> bool:
    within = False
    for event in sorted(events, key=_at):
        where = _at(event)
        if "introduced" in event and asked >= where:
            within = True
        if ("fixed" in event and asked >= where) or ("last_affected" in event and asked > where):
            within = False
    return within


def _at(event: Mapping[str, str]) -> Version:
    (text,) = (event[kind] for kind in ("introduced", "fixed", "last_affected", "limit") if kind in event)
    return Version("0.dev0") if text == "0" else _parsed(text) or Version("0.dev0")


def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:  # from before there were rules for versions
        return None


@contextlib.contextmanager
def answering(advisories: Advisories) -> Iterator[str]:
    """OSV's query on 127.0.0.1, answered from these; gives its address."""

    class Query(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found = advisories.against(asked["package"]["name"], asked["version"])
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Query)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def pip_audit(lock: Path, *more: str) -> dict[str, Any] | str:
    """What pip-audit finds for a lock file; or, where it could not be tried, the last thing it said."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--require-hashes"]
    command += ["--disable-pip", "--requirement", str(lock), *more]
    env = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} if "--osv-url" in more else None
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--advisories", type=Path, help="a directory or a zip of advisories in OSV's JSON")
    parser.add_argument("--lock", type=Path, action="append", help="a lock file; both of ours by default")
    parser.add_argument("--ignore", action="append", default=[], metavar="ID", help="an advisory that was judged")
    asked = parser.parse_args(arguments)
    locks = asked.lock or LOCKS
    ignored = [part for each in asked.ignore for part in ("--ignore-vuln", each)]
    if asked.advisories is None:
        return _judge(locks, "the package index", ignored)
    names = {name for lock in locks for name in locked(lock.read_text("utf-8"))}
    advisories = Advisories(asked.advisories, names)
    if advisories.count == 0:
        print(f"audit: {asked.advisories} holds no advisories in OSV's JSON: nothing was judged", file=sys.stderr)
        return NO_ADVISORIES
    newest = "of no known date"
    if advisories.newest is not None:
        newest = f"the newest of {advisories.newest:%Y-%m-%d}"
        if datetime.now(UTC) - advisories.newest > _OLD:
            print(f"audit: the newest advisory is of {advisories.newest:%Y-%m-%d}: get a newer export", file=sys.stderr)
    with answering(advisories) as url:
        source = f"{advisories.count} advisories of {asked.advisories}, {newest}"
        return _judge(locks, source, ["--vulnerability-service", "osv", "--osv-url", url, *ignored])


def _judge(locks: Sequence[Path], source: str, more: Sequence[str]) -> int:
    known = unjudged = 0
    for lock in locks:
        found = pip_audit(lock, *more)
        if isinstance(found, str):
            print(f"audit: not tried: {source} gave no answer: {found}")
            return NOT_TRIED
        for package in found["dependencies"]:
            for each in package.get("vulns", ()):
                known += 1
                aliases = "".join(f", {alias}" for alias in each.get("aliases", ()))
                fixed = ", ".join(each["fix_versions"]) or "none yet"
                print(f"{lock.name}: {package['name']} {package['version']}: {each['id']}{aliases}; fixed in {fixed}")
        # An index that knows nothing of a package's advisories answers as for a package that is not there.
        skipped = [package["name"] for package in found["dependencies"] if "skip_reason" in package]
        unjudged += len(skipped)
        print(f"{lock.name}: {len(found['dependencies']) - len(skipped)} packages by {source}")
        if skipped:
            print(f"{lock.name}: {len(skipped)} not judged: {', '.join(skipped)}")
    if known:
        print(f"audit: {known} known")
        return KNOWN
    if unjudged:
        print(f"audit: not tried: {source} did not judge {unjudged} packages")
        return NOT_TRIED
    print("audit: nothing known")
    return 0


if __name__ == "__main__":
    sys.exit(main())
