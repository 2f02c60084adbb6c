"""Images made of locally installed Debian packages, where none can be pulled: they stand in for the official ones.

They are good for the wiring: that the image of ours builds and runs on such a base, that compose starts what it should
in the right order, that the commands in it work. They prove nothing of MongoDB (it is nx-27017) or of another Kafka's
image.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.containers.engine import Engine
from tests.deploy.debian import program
from tests.infrastructure import stack

SHELL = ("base-files", "base-passwd", "bash", "dash", "coreutils", "grep", "sed", "findutils", "hostname", "libc-bin")
PYTHON = (*SHELL, "python3", "python3-venv", "ca-certificates", "netbase")
JAVA = (*SHELL, "openjdk-17-jre-headless")
CA_FILE = "/etc/ssl/certs/ca-certificates.crt"
_MERGED = ("bin", "sbin", "lib", "lib64")
_LEFT_OUT = tuple(f"/usr/share/{name}" for name in ("doc", "man", "locale", "info", "icons", "lintian"))

# Kafka's own image makes its properties of the environment like this: KAFKA_LOG_DIRS is log.dirs.
KAFKA = {
    "etc/kafka/docker/configure": """#!/bin/bash
set -e
for each in $(compgen -e KAFKA_); do
  case $each in KAFKA_HEAP_OPTS) continue;; esac
  name=${each#KAFKA_}; name=${name,,}; echo "${name//_/.}=${!each}"
done > /etc/kafka/kafka.properties
""",
    "etc/kafka/docker/launch": """#!/bin/bash
exec kafka-java kafka.Kafka /etc/kafka/kafka.properties
""",
    "usr/bin/kafka-storage": """#!/bin/bash
exec kafka-java kafka.tools.StorageTool "$@"
""",
    "usr/bin/kafka-java": """#!/bin/bash
exec /usr/lib/jvm/java-17-openjdk-*/bin/java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \\
  -Dlog4j2.configurationFile=/etc/kafka/log4j2.xml -cp "/opt/kafka/*" "$@"
""",
    "etc/kafka/docker/run": """#!/bin/bash
set -e
/etc/kafka/docker/configure
kafka-storage format --ignore-formatted --cluster-id="$CLUSTER_ID" --config=/etc/kafka/kafka.properties
exec /etc/kafka/docker/launch
""",
    "etc/kafka/log4j2.xml": (stack.SOURCES / "log4j2.xml").read_text("utf-8"),
}
# With a user and a password as MongoDB's image takes them, what asks for them stands before it.
MONGOD = """#!/bin/bash
set -e
# Of one that was killed, and whose number somebody else may have now: it would not start beside that.
rm -f /tmp/nx_27017.pid
if [ -z "$MONGO_INITDB_ROOT_USERNAME" ]; then exec nx-27017 --host 0.0.0.0 --port 27017 --data-dir /data/db; fi
printf '[{"user": "%s", "pwd": "%s", "roles": [{"role": "root", "db": "admin"}]}]' \\
  "$MONGO_INITDB_ROOT_USERNAME" "$MONGO_INITDB_ROOT_PASSWORD" > /tmp/users.json
nx-27017 --host 127.0.0.1 --port 27018 --data-dir /data/db &
until (</dev/tcp/127.0.0.1/27018) 2>/dev/null; do sleep 0.1; done
exec python3 /usr/bin/mongo_front.py --listen 0.0.0.0:27017 --to 127.0.0.1:27018 --users /tmp/users.json
"""
MONGOSH = """#!/bin/bash
# No shell and no replica set here: whether it listens.
exec bash -c '</dev/tcp/127.0.0.1/27017'
"""


def python(engine: Engine, tag: str) -> bool:
    """In place of the Python image. Its pip trusts what this machine's does; True where it needs no network either.

    Then the wheels of the lock file lie in it, as `_wheels` got them.
    """
    wheels = _wheels()
    changes = [f"ENV PIP_CERT={CA_FILE}"]
    changes += ["ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels"] if wheels else []
    _image(engine, tag, PYTHON, more=[CA_FILE], trees={"wheels": wheels} if wheels else {}, changes=changes)
    return wheels is not None


def _wheels() -> Path | None:
    """The directory of the lock file's wheels for Debian's Python, got once; None where they are not to be had.

    They are what pip has in its cache from installing the same lock file here, where it has; a build in a container
    has none, and gets each of them anew.
    """
    version = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    lock = stack.ROOT / "requirements.lock"
    wheels = stack.CACHE / f"wheels-{version}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not wheels.is_dir():
        stack.CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=stack.CACHE) as directory:
            unfinished = Path(directory) / "wheels"
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
            command += ["--require-hashes", "--only-binary=:all:", "--python-version", version]
            command += ["--requirement", str(lock), "--dest", str(unfinished)]
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                return None
            with contextlib.suppress(OSError):  # another run was first
                unfinished.rename(wheels)
    return wheels


def kafka(engine: Engine, tag: str) -> None:
    """In place of Kafka's image: the jars of the tests. Good for compose and for testcontainers."""
    jars = stack.kafka_jars()
    changes = ['CMD ["/etc/kafka/docker/run"]', "VOLUME /var/lib/kafka/data"]
    _image(engine, tag, JAVA, trees={"opt/kafka": jars}, texts=KAFKA, changes=changes)


def mongo(engine: Engine, tag: str, base: str) -> None:
    """In place of MongoDB's image: nx-27017, in the image of ours, which has it."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in {"mongod": MONGOD, "mongosh": MONGOSH}.items():
            (Path(directory) / name).write_text(text)
            (Path(directory) / name).chmod(0o755)
        shutil.copy(stack.SOURCES / "mongo_front.py", directory)
        dockerfile = (
            f"FROM {base}\nUSER 0\nCOPY mongod mongosh mongo_front.py /usr/bin/\nWORKDIR /data/db\nENTRYPOINT []\n"
            'HEALTHCHECK NONE\nCMD ["mongod"]\n'
        )
        (Path(directory) / "Dockerfile").write_text(dockerfile)
        engine.run("build", "-q", "-t", tag, directory)


def prometheus(engine: Engine, tag: str) -> None:
    """In place of Prometheus' image: Debian's package."""
    binary = Path(program("prometheus", "prometheus"))
    _image(engine, tag, SHELL, trees={"usr/bin/prometheus": binary}, changes=['ENTRYPOINT ["/usr/bin/prometheus"]'])


def alertmanager(engine: Engine, tag: str) -> None:
    """In place of Alertmanager's image: Debian's package."""
    binary = Path(program("prometheus-alertmanager", "prometheus-alertmanager"))
    name = "usr/bin/prometheus-alertmanager"
    _image(engine, tag, SHELL, trees={name: binary}, changes=[f'ENTRYPOINT ["/{name}"]'])


def _files(packages: Sequence[str]) -> list[str]:
    """The files of installed packages and of all that they depend on, where /bin is a link as where it is none."""
    command = ["apt-cache", "depends", "--recurse", "--installed", "--no-recommends", "--no-suggests"]
    command += ["--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", *packages]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    names = sorted({line for line in lines if line and line[0] not in " <|"})
    listed = subprocess.run(["dpkg", "-L", *names], capture_output=True, text=True, check=False).stdout.splitlines()
    found = set()
    for line in listed:
        if line.startswith("/") and not line.startswith(_LEFT_OUT):
            first, _, rest = line[1:].partition("/")
            found.add(f"/usr{line}" if first in _MERGED and rest and Path("/", first).is_symlink() else line)
    return sorted(line for line in found if Path(line).exists() or Path(line).is_symlink())


def _image(
    engine: Engine,
    tag: str,
    packages: Sequence[str],
    *,
    more: Sequence[str] = (),
    trees: Mapping[str, Path] | None = None,
    texts: Mapping[str, str] | None = None,
    changes: Sequence[str] = (),
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        beside = Path(directory)
        made = ["proc", "sys", "dev", "run", "root", "tmp", "var/tmp", *(texts or {})]
        for name in made[: -len(texts)] if texts else made:
            (beside / name).mkdir(parents=True, exist_ok=True)
        (beside / "tmp").chmod(0o1777)
        for name, text in (texts or {}).items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_text(text)
            (beside / name).chmod(0o755)
        files = [name[1:] for name in [*_files(packages), *more] if len(name) > 1 and name[1:] not in made]
        (beside / "list").write_text("".join(f"{name}\n" for name in files))
        archive = str(beside / "files.tar")
        _tar("-C", "/", "--no-recursion", "-cf", archive, "-T", str(beside / "list"))
        _tar("-C", directory, "--no-recursion", "-rf", archive, *made)
        for name, path in (trees or {}).items():
            source = str(path)[1:]
            _tar("-C", "/", "-rf", archive, f"--transform=s|^{source}|{name}|", source)
        options = [part for change in changes for part in ("--change", change)]
        engine.run("import", *options, archive, tag)


def _tar(*arguments: str) -> None:
    subprocess.run(["tar", "--owner=0", "--group=0", *arguments], check=True)
