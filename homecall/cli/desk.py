"""Commands of the desk: its users, and its view."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

desk = typer.Typer(help="The desk in the browser: its users, its view.", no_args_is_help=True)
user = typer.Typer(help="Who may sign in.", no_args_is_help=True)
desk.add_typer(user, name="user")

RoleName = Literal["registrar", "dispatcher", "complaints_officer", "head", "doctor", "contact_centre", "operator"]


@user.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="the name to sign in with: lower-case letters, digits, dots, hyphens")],
    role: Annotated[RoleName, typer.Option(help="what the user sees and does")],
    full_name: Annotated[str, typer.Option("--full-name", help="as it stands in the register")],
    clinic: Annotated[str | None, typer.Option(help="the clinic_id; none for contact_centre and operator")] = None,
    doctor: Annotated[str | None, typer.Option(help="the doctor_id of the rosters, for a doctor")] = None,
    file: Annotated[Path | None, typer.Option(help="the users file, if not HOMECALL_DESK_USERS_FILE")] = None,
) -> None:
    """Add a user, or change one; the password is asked for, or read from standard input. Services see it at once."""
    from homecall.operations.desk import add_user

    add_user(name, role, full_name, clinic_id=clinic, doctor_id=doctor, file=file)


@desk.command("rebuild")
def desk_rebuild(yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask first")] = False) -> None:
    """Make the desk's view of calls, complaints and rosters again from the topics, beside running services."""
    from homecall.operations.desk import rebuild

    rebuild(yes=yes)
