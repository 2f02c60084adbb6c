"""Commands that print for a clinic: its register, its routes, its complaints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

PageFormat = Literal["pdf", "html", "csv"]
PageLanguage = Literal["kk", "ru", "en"]
ListFormat = Literal["table", "csv"]
DocumentKind = Literal["receipt", "reply"]
DocumentFormat = Literal["pdf", "html"]
RouteFormat = Literal["pdf", "html", "csv", "geojson"]
Clinic = Annotated[str, typer.Argument(help="the clinic_id")]
Day = Annotated[str, typer.Argument(help="the day, as in 2026-11-23")]
Language = Annotated[PageLanguage, typer.Option(help="in which language")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="the file, if not standard output")]


def journal(
    clinic: Clinic,
    date: Day,
    form: Annotated[PageFormat, typer.Option("--format", help="as what")] = "pdf",
    language: Language = "kk",
    output: Output = None,
) -> None:
    """Write a clinic's register of calls for a day, to print and sign; exit 1 if that day has no entries.

    In CSV, a cell that begins with =, +, -, @ or an apostrophe has an apostrophe before it, telephones too.
    """
    from homecall.operations.journal import journal as run

    run(clinic, date, form=form, language=language, output=output)


def routes(
    clinic: Clinic,
    date: Day,
    form: Annotated[RouteFormat, typer.Option("--format", help="as what")] = "pdf",
    language: Language = "kk",
    output: Output = None,
) -> None:
    """Write each doctor's visits of a day in their order, with where, when and why, and a plan of the route.

    As it stands now: what is planned may still be changed, what was promised is not. GeoJSON names no patients.
    """
    from homecall.operations.routes import routes as run

    run(clinic, date, form=form, language=language, output=output)


def complaints(
    clinic: Clinic,
    only_open: Annotated[bool, typer.Option("--open", help="only those that wait for something")] = False,
    form: Annotated[ListFormat, typer.Option("--format", help="as what")] = "table",
) -> None:
    """List a clinic's complaints, the most urgent first, and count the calls whose answer was not given in time.

    Age and days left are working days by the clinic's calendar; days left are 0 on the last day, and less once it is
    over. Beside a CSV the counts go to standard error.
    """
    from homecall.operations.complaints import complaints as run

    run(clinic, only_open=only_open, form=form)


def complaint(
    complaint_id: Annotated[str, typer.Argument(help="the complaint_id")],
    kind: Annotated[DocumentKind | None, typer.Option("--document", help="write this, to print and sign")] = None,
    language: Annotated[PageLanguage | None, typer.Option(help="of the document, if not the complainant's")] = None,
    form: Annotated[DocumentFormat, typer.Option("--format", help="of the document")] = "pdf",
    stage: Annotated[int | None, typer.Option(min=1, help="of which stage, if not the newest that has it")] = None,
    output: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="the file as a line of JSON")] = False,
) -> None:
    """Show a complaint's file: stages, executors, statuses, and its call as it was known that day.

    With --document: the confirmation of its registration (receipt), or the answer or refusal (reply).
    """
    from homecall.operations.complaint import complaint as show
    from homecall.operations.complaint import document

    if kind is None:
        show(complaint_id, as_json=as_json)
        return
    document(complaint_id, kind, form=form, language=language, stage=stage, output=output)
