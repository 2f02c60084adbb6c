"""Prints ``docs/reference.md``, from the lists in code: ``python -m homecall.cli.reference > docs/reference.md``.

What those lists do not hold, the meaning of each code, stands here; a test holds that no code is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, get_args, get_origin

from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from homecall.contract.envelope import DeadReason
from homecall.contract.events import MODELS, RefusalCode
from homecall.contract.topics import DEAD_LETTERS, DEFAULT_PARTITIONS, RETENTION_DAYS, SERVICES, TOPICS, Topic
from homecall.gateways import metrics as of_gateways
from homecall.operations.reconcile import metrics as of_reconcile
from homecall.runtime import metrics as of_all
from homecall.runtime.settings import PORTS, Settings
from services.complaints import metrics as of_complaints
from services.desk import metrics as of_desk
from services.intake import metrics as of_intake
from services.notifier import metrics as of_notifier
from services.scheduler import metrics as of_scheduler

METRICS: Final[Sequence[MetricWrapperBase]] = [
    metric
    for module in (of_all, of_intake, of_scheduler, of_notifier, of_complaints, of_desk, of_gateways, of_reconcile)
    for metric in vars(module).values()
    if isinstance(metric, MetricWrapperBase)
]
"""Every metric of the release."""

REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "invalid_request": (
        "The request breaks its schema, names a reason that the rules do not know, or is dated too far ahead.",
        "Correct what `fields` names; send it under a new `request_id`.",
    ),
    "unknown_clinic": (
        "No clinic of that id has been published.",
        "Check the id, or publish the clinic; send it under a new `request_id`.",
    ),
    "outside_acceptance_hours": (
        "The clinic accepts no calls by desk or phone then; or, through the portal, it has no opening left.",
        "Apply again at `next_acceptance_at`; in an emergency call 103.",
    ),
    "identity_not_confirmed": (
        "The state's registers do not know patient or applicant as stated.",
        "Come to the clinic with an identity document.",
    ),
    "authority_invalid": (
        "The applicant may not act for the patient, or the authority has expired.",
        "Send an authority in force under a new `request_id`.",
    ),
    "signature_invalid": (
        "The electronic signature is invalid, or not the applicant's.",
        "Sign with the applicant's key; send it under a new `request_id`.",
    ),
    "not_attached": (
        "The patient is not attached to this clinic, if the rule set has this ground.",
        "Apply to the clinic of attachment.",
    ),
    "duplicate": (
        "The patient has an open request at this clinic.",
        "Nothing: `existing_request_id` names it.",
    ),
}
"""Each refusal code: what it means, and what to do next."""

DEATHS: Final[Mapping[str, tuple[str, str]]] = {
    "not_json": ("The value is not JSON in UTF-8.", "The publisher sends it again, as JSON."),
    "not_cloudevent": (
        "The attributes of a CloudEvent are missing or wrong.",
        "The publisher corrects what the detail names.",
    ),
    "unknown_type": (
        "The type is none of this topic's.",
        "The publisher corrects type or topic; a later release's type: upgrade, then replay.",
    ),
    "schema": (
        "The data break the schema, and nobody can be answered; or record or batch is beyond a limit.",
        "The publisher corrects what the detail names.",
    ),
    "unauthorised": (
        "The record is not signed by a sender who may write for that clinic, or act on a complaint at that stage; only "
        "with `HOMECALL_SENDERS_FILE`.",
        "Find out who wrote it: a key that is not in the list yet, or somebody else.",
    ),
    "unknown_subject": (
        "Its subject did not become known within 24 hours.",
        "Find out why the subject's own event did not come; then replay.",
    ),
    "invalid_transition": (
        "It is not in order: a second report of a visit, say, or another clinic's request.",
        "The detail names the way out; mostly nothing is replayed.",
    ),
    "handler_failed": (
        "The service failed on it five times.",
        "A fault of the service: see its log. Fix it, then replay.",
    ),
}
"""Each reason of a dead letter: what it means, and what to do next."""

_HEAD: Final = """# Reference

<!-- Made by `python -m homecall.cli.reference > docs/reference.md` from the lists in code. Do not edit. -->

Topics, events, settings, metrics and codes of this release. `homecall asyncapi` prints the schema of each event, with
the meaning, format and an example of each field; code generators make types of it (tested with Modelina and
json-schema-to-typescript).
"""


def page() -> str:
    parts = (_topics(), _events(), _settings(), _metrics(), _codes())
    return "\n".join([_HEAD, *(line for part in parts for line in part)])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _code(text: str) -> str:
    return f"`{text}`"


def _topics() -> Iterator[str]:
    yield "## Topics\n"
    yield (
        f"{DEFAULT_PARTITIONS} partitions each. Keys are fields of the data. Topics keep {RETENTION_DAYS} days, "
        "the compacted one the newest record of\neach key. IINs travel on the topics marked so, and on no other.\n"
    )
    rows = [
        (
            _code(topic.name),
            _code(topic.key) if topic.key else "as it came",
            _all(topic.writers),
            _all(topic.readers),
            " ".join(_marks(topic)),
        )
        for topic in TOPICS
    ]
    yield from _table(("topic", "key", "written by", "read by", "note"), rows)


def _all(names: tuple[str, ...]) -> str:
    return "each service" if names == SERVICES else ", ".join(names)


def _marks(topic: Topic) -> Iterator[str]:
    if not topic.types:
        yield topic.about
    if topic.compacted:
        yield "Compacted, read whole by every replica."
    if topic.personal_ids:
        yield "IINs."
    if topic.partitions != DEFAULT_PARTITIONS:
        yield f"{topic.partitions} partition."
    if topic is DEAD_LETTERS:
        yield f"Records up to {topic.max_message_bytes} bytes."


def _events() -> Iterator[str]:
    yield "## Events\n"
    yield "On the wire each type stands with the prefix `kz.homecall.`. The second name is the field of its subject.\n"
    for topic in TOPICS:
        if topic.types:
            yield f"**{_code(topic.name)}**\n"
            for name in topic.types:
                yield f"- {_code(name)}, {_code(MODELS[name].SUBJECT)}: {_first_line(MODELS[name].__doc__)}"
            yield ""


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().split("\n\n")[0].replace("\n", " ").replace("``", "`").replace("`frm`", "`from`")


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield (
        "From the environment, or a file `.env` in the working directory. A wrong or missing one stops the start with\n"
        "one line that names it.\n"
    )
    rows = [
        (_code(f"HOMECALL_{name.upper()}"), _default(name, field.default) + _values(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    yield from _table(("setting", "default (values)", "what it is"), rows)


def _default(name: str, default: Any) -> str:
    if name == "http_port":
        return ", ".join(f"{service} {_code(str(port))}" for service, port in PORTS.items())
    return "" if default is None else _code(str(default))


def _values(field: Any) -> str:
    if get_origin(field.annotation) is Literal:
        return "".join(f", {_code(each)}" for each in get_args(field.annotation) if each != field.default)
    bounds: dict[str, Any] = {}
    for each in field.metadata:
        bounds |= {name: getattr(each, name) for name in ("ge", "gt", "le") if hasattr(each, name)}
    if not bounds:
        return ""
    low = f"{bounds['ge']} to " if "ge" in bounds else f"above {bounds['gt']}, to "
    return f" ({low}{bounds['le']})"


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield (
        "At `/metrics` of each service and of `homecall reconcile`. `…_total` is a counter, what has buckets "
        "a histogram, all else\na gauge. No label holds the id of a person or a request.\n"
    )
    yield from _table(("metric", "what it is"), [(_code(_labelled(each)), _told(each)) for each in METRICS])


def _name(metric: MetricWrapperBase) -> str:
    # There is no public way to ask a metric for its name, labels or buckets before it has a value.
    return f"{metric._name}_total" if isinstance(metric, Counter) else metric._name


def _labelled(metric: MetricWrapperBase) -> str:
    labels = ",".join(metric._labelnames)
    return f"{_name(metric)}{{{labels}}}" if labels else _name(metric)


def _told(metric: MetricWrapperBase) -> str:
    if not isinstance(metric, Histogram):
        return f"{metric._documentation}."
    buckets = ", ".join(f"{bound:g}" for bound in metric._upper_bounds if bound != float("inf"))
    return f"{metric._documentation}. Buckets: {buckets}."


def _codes() -> Iterator[str]:
    yield "## Refusals\n"
    yield (
        "The `code` of `request.refused`, and of the status that says it. A complaint that breaks its schema, or\n"
        "names no known clinic, has the status `refused` with the code `invalid_complaint`.\n"
    )
    yield from _meanings("code", get_args(RefusalCode), REFUSALS)
    yield "## Dead letters\n"
    yield "The header `homecall-dead-reason`; `homecall-dead-detail` says it of this record, in one line.\n"
    yield from _meanings("reason", get_args(DeadReason), DEATHS)


def _meanings(head: str, codes: Sequence[str], meanings: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    return _table((head, "what it means", "what to do"), [(_code(code), *meanings[code]) for code in codes])


if __name__ == "__main__":
    print(page(), end="")
