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
from homecall.contract.topics import DEAD_LETTERS, RETENTION_DAYS, SERVICES, TOPICS, Topic
from homecall.gateways import metrics as of_gateways
from homecall.operations.reconcile import metrics as of_reconcile
from homecall.runtime import metrics as of_all
from homecall.runtime.settings import PORTS, Settings
from services.complaints import metrics as of_complaints
from services.intake import metrics as of_intake
from services.notifier import metrics as of_notifier
from services.scheduler import metrics as of_scheduler

METRICS: Final[Sequence[MetricWrapperBase]] = [
    metric
    for module in (of_all, of_intake, of_scheduler, of_notifier, of_complaints, of_gateways, of_reconcile)
    for metric in vars(module).values()
    if isinstance(metric, MetricWrapperBase)
]
"""Every metric of the release."""

REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "invalid_request": (
        "The request breaks its schema, names a reason that the rules do not know, or is dated too far ahead.",
        "Correct what `fields` names, and send it under a new `request_id`.",
    ),
    "unknown_clinic": (
        "No clinic of that id has been published.",
        "Check the id, or publish the clinic; then send the request under a new `request_id`.",
    ),
    "outside_acceptance_hours": (
        "The clinic accepts no calls by desk or phone at that time; or, through the portal, it has no opening left.",
        "Apply again at `next_acceptance_at`, where there is one; in an emergency call 103.",
    ),
    "identity_not_confirmed": (
        "The state's registers do not know the patient, or the applicant, as stated.",
        "Come to the clinic with an identity document.",
    ),
    "authority_invalid": (
        "The applicant may not stand in for the patient, or the authority has run out.",
        "Send an authority that is in force, as `fields` says, under a new `request_id`.",
    ),
    "signature_invalid": (
        "The electronic signature does not stand, or is not the applicant's.",
        "Sign again, with the applicant's own key, and send it under a new `request_id`.",
    ),
    "not_attached": (
        "The patient is not attached to this clinic; only where the rule set in force has this ground.",
        "Apply to the clinic of attachment.",
    ),
    "duplicate": (
        "The patient has an open request at this clinic.",
        "None: `existing_request_id` names the one that stands.",
    ),
}
"""Each refusal code: what it means, and what to do next."""

DEATHS: Final[Mapping[str, tuple[str, str]]] = {
    "not_json": ("The value is not JSON in UTF-8.", "The publisher sends it again, as JSON."),
    "not_cloudevent": (
        "The attributes of a CloudEvent are missing or wrong.",
        "The publisher sends it again with what the detail names.",
    ),
    "unknown_type": (
        "The type is none of this topic's.",
        "The publisher corrects the type or the topic; a type of a later release: upgrade, then replay.",
    ),
    "schema": (
        "The data break the schema, and nobody can be answered; or the record, or its whole batch, is beyond a limit.",
        "The publisher corrects what the detail names, and sends it again.",
    ),
    "unauthorised": (
        "The record is not signed by a sender who may write for that clinic, or act on a complaint at that stage; only "
        "with `HOMECALL_SENDERS_FILE`.",
        "Find out who wrote it: a key that is not in the list yet, or somebody who writes for another clinic or stage.",
    ),
    "unknown_subject": (
        "What it is about did not become known within 24 hours.",
        "Find out why the subject's own event did not come; once it has, replay.",
    ),
    "invalid_transition": (
        "It is not in order as things stand: a second report of a visit, say, or another clinic's request.",
        "The detail names the way out; mostly nothing is to be replayed.",
    ),
    "handler_failed": (
        "The service failed on it five times.",
        "A fault of the service: its log says which. Mend it, then replay.",
    ),
}
"""Each reason of a dead letter: what it means, and what to do next."""

_HEAD: Final = """# Reference

<!-- Made by `python -m homecall.cli.reference > docs/reference.md` from the lists in code. Do not edit. -->

Topics, events, settings, metrics and codes as this release has them. The schema of each event, with examples, is in
the AsyncAPI document, which `homecall asyncapi` prints. Each field there has its meaning, format and an example;
code generators make types of it (tested with Modelina and json-schema-to-typescript).
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


# ---------------------------------------------------------------- topics and events


def _topics() -> Iterator[str]:
    yield "## Topics\n"
    yield (
        f"Keys are fields of the data; a dead letter keeps the key it came with. Topics keep {RETENTION_DAYS} days,\n"
        "the compacted one the newest record of each key. IINs travel on the topics marked so, and on no other.\n"
    )
    rows = [
        (
            _code(topic.name),
            _code(topic.key) if topic.key else "as it came",
            _all(topic.writers),
            _all(topic.readers),
            str(topic.partitions),
            ", ".join(_marks(topic)),
            topic.about,
        )
        for topic in TOPICS
    ]
    yield from _table(("topic", "key", "written by", "read by", "partitions", "", "what it carries"), rows)


def _all(names: tuple[str, ...]) -> str:
    return "each service" if names == SERVICES else ", ".join(names)


def _marks(topic: Topic) -> Iterator[str]:
    if topic.compacted:
        yield "compacted, read whole by every replica"
    if topic.personal_ids:
        yield "IINs"
    if topic is DEAD_LETTERS:
        yield f"records up to {topic.max_message_bytes} bytes"


def _events() -> Iterator[str]:
    yield "## Events\n"
    yield "On the wire each type stands with the prefix `kz.homecall.`.\n"
    yield from _table(
        ("type", "about", "topic", "what it says"),
        [
            (_code(name), _code(MODELS[name].SUBJECT), _code(topic.name), _first_line(MODELS[name].__doc__))
            for topic in TOPICS
            for name in topic.types
        ],
    )


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().split("\n\n")[0].replace("\n", " ").replace("``", "`").replace("`frm`", "`from`")


# ---------------------------------------------------------------- settings


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield (
        "From the environment, or a file `.env` in the working directory. A wrong or missing one stops the start with\n"
        "one line that names it.\n"
    )
    rows = [
        (_code(f"HOMECALL_{name.upper()}"), _default(name, field.default), _values(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    yield from _table(("setting", "default", "values", "what it is"), rows)


def _default(name: str, default: Any) -> str:
    if name == "http_port":
        return ", ".join(f"{service} {_code(str(port))}" for service, port in PORTS.items())
    return "" if default is None else _code(str(default))


def _values(field: Any) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(map(_code, get_args(field.annotation)))
    bounds: dict[str, Any] = {}
    for each in field.metadata:
        bounds |= {name: getattr(each, name) for name in ("ge", "gt", "le") if hasattr(each, name)}
    if not bounds:
        return ""
    low = f"{bounds['ge']} to " if "ge" in bounds else f"above {bounds['gt']}, to "
    return f"{low}{bounds['le']}"


# ---------------------------------------------------------------- metrics


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield "At `/metrics` of each service, those of `homecall reconcile` at its own, in Prometheus' text format.\n"
    yield "No label holds the id of a person or a request.\n"
    yield from _table(
        ("metric", "type", "labels", "what it is"),
        [
            (_code(_name(each)), type(each).__name__.lower(), ", ".join(map(_code, each._labelnames)), _told(each))
            for each in METRICS
        ],
    )


def _name(metric: MetricWrapperBase) -> str:
    # There is no public way to ask a metric for its name, labels or buckets before it has a value.
    return f"{metric._name}_total" if isinstance(metric, Counter) else metric._name


def _told(metric: MetricWrapperBase) -> str:
    if not isinstance(metric, Histogram):
        return f"{metric._documentation}."
    buckets = ", ".join(f"{bound:g}" for bound in metric._upper_bounds if bound != float("inf"))
    return f"{metric._documentation}. Buckets: {buckets}."


# ---------------------------------------------------------------- codes


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
