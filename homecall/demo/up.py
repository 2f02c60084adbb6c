"""``homecall up``: the embedded broker and database, left running, beside a register of persons that speaks SOAP.

A test authority stands behind the signatures: of what the portal signs, and of the register's gateway.
"""

from __future__ import annotations

import shlex
import signal
import tempfile
import threading
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from homecall.contract.topics import TOPICS
from homecall.demo.embedded import DidNotStartError, NotInstalledError, Stack, embedded_stack
from homecall.demo.registers import PersonsGateway, persons_gateway
from homecall.demo.shep.answers_file import AnswersFile
from homecall.demo.shep.register import Attached, Register
from homecall.gateways.signatures.dev_authority import CRLS, TRUST_STORE, DevAuthority
from homecall.operations.example import CLINIC
from homecall.operations.failure import Failure

_AUTHORITY, _GATEWAY, _ANSWERS = "authority", "gateway", "answers.json"


def up(directory: Path | None) -> None:
    """Run all until Ctrl-C or SIGTERM, and print how another terminal finds them.

    ``directory`` keeps the database, the test authority and what the register is told to answer for the next time; the
    broker keeps nothing.
    """
    ended = threading.Event()
    try:
        with ExitStack() as closing:
            if directory is None:
                # A database that is still writing its last page may add a file while we remove the others.
                temporary = tempfile.TemporaryDirectory(prefix="homecall-up-", ignore_cleanup_errors=True)
                directory = Path(closing.enter_context(temporary))
            authority = authority_in(directory.resolve() / _AUTHORITY)
            gateway = directory.resolve() / _GATEWAY
            # The clinic of homecall example is everybody's.
            register = Register(otherwise=[Attached(CLINIC, date(2020, 1, 1))])
            signed_by = DevAuthority.load(authority)
            persons = closing.enter_context(persons_gateway(gateway, signed_by, register, attachments=True))
            persons.gateway.says = AnswersFile(gateway / _ANSWERS)
            stack = closing.enter_context(
                embedded_stack(directory, topics={topic.name: topic.partitions for topic in TOPICS})
            )
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: ended.set())
            print(*_how_to_find(stack, authority, persons), sep="\n", flush=True)
            ended.wait()
    except (NotInstalledError, DidNotStartError) as error:
        raise Failure(str(error), code=1) from None
    except KeyboardInterrupt:
        return  # pressed while they were starting


def _how_to_find(stack: Stack, authority: Path, persons: PersonsGateway) -> list[str]:
    """The settings for another terminal, and what to try there."""
    paths = (authority / TRUST_STORE, authority / CRLS, authority, persons.file, persons.file.with_name(_ANSWERS))
    trust_store, crls, place, shep, answers = (shlex.quote(str(path)) for path in paths)
    return [
        f"export HOMECALL_KAFKA_BOOTSTRAP={stack.bootstrap}",
        f"export HOMECALL_MONGO_URL={stack.mongo_url}",
        "export HOMECALL_ENV=development HOMECALL_SIGNATURES=rsa",
        f"export HOMECALL_TRUST_STORE={trust_store}",
        f"export HOMECALL_CRLS={crls}",
        f"export HOMECALL_IDENTITY={persons.address}",
        f"export HOMECALL_IDENTITY_SHEP_FILE={shep}",
        "# Paste these lines into another terminal, and run there: homecall serve all",
        "# In a third, one after the other:",
        "#   homecall example clinic | homecall publish clinics -",
        "#   homecall example roster | homecall publish rosters -",
        "#   homecall example request | homecall publish requests -",
        "#   homecall watch status --from-beginning",
        "# What comes through the portal is signed first, here by a test authority that signs as anybody:",
        f"#   homecall dev-sign FILE --directory {place} | homecall publish requests -",
        "# The register of persons is a stand-in that finds everybody. Other answers (not_found, slow …) stand in",
        f"#   {answers}",
        "# Ctrl-C here ends all of it, and what the broker holds is gone.",
    ]


def authority_in(directory: Path) -> Path:
    """The directory, with a test authority in it, made now if there is none. ``Failure`` if that cannot be."""
    try:
        if (directory / TRUST_STORE).exists():
            DevAuthority.load(directory)
        else:
            DevAuthority.new().save(directory)
    except (OSError, ValueError, TypeError):
        raise Failure(
            f"{directory}: no test authority can be read or made there: remove it, and another is made"
        ) from None
    return directory
