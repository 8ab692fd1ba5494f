"""`./prelude cases`: complaint cases, listed, shown and moved (ISO 10002, D-CMP-5)."""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.shop_access import ask_shop
from bot.clock import SHOP_TIME_ZONE, SystemClock
from bot.errors import UsageError
from bot.settings import load_settings

ANSWERS = {"accepted": "accept", "rejected": "reject", "counter": "counter"}
TEXTS = (  # what is shown of a case, where it is known
    *("wish", "finding", "decision", "how", "reason", "customer_answer"),
    *("cause_level", "dealer", "product_id", "end_reason", "close_reason"),
)

console = Console()
app = typer.Typer(help="Complaint cases: open, overdue, mine; every move of one.")
number_argument = typer.Argument(help="The case's number.")
name_option = typer.Option("", "--as", help="Who you are.")
note_option = typer.Option("", "--note", help="A word about it.")
proposal_option = typer.Option(None, "--proposal", help="Its number, where there are several.")


@app.callback(invoke_without_command=True)
def list_cases(
    context: typer.Context,
    overdue: bool = typer.Option(False, "--overdue", help="Late for an answer or a solution."),
    mine: str | None = typer.Option(None, "--mine", help="Those of this person or team."),
    stage: str | None = typer.Option(None, help="receipt, acknowledgement, assessment …"),
    severity: str | None = typer.Option(None, help="slight, serious or bodily."),
    all_stages: bool = typer.Option(False, "--all", help="The closed ones, too."),
) -> None:
    """List cases, newest first: the open ones, unless asked otherwise."""
    if context.invoked_subcommand is not None:
        return
    is_open = None if all_stages or stage else True
    rows = ask_shop(
        load_settings(),
        "case.list",
        is_open=is_open,
        is_overdue=overdue,
        stage=stage,
        severity=severity,
        owner=mine,
    )
    if not rows:
        console.print("there is no such case.")
        return
    now = SystemClock().now()
    table = Table("number", "stage", "severity", "level", "owner", "due", "causes")
    for row in rows:
        table.add_row(
            row["number"],
            row["stage"],
            row["severity"] + " !" * row["priority"],
            str(row["escalation_level"]),
            escape(row["owner"]),
            _due(row, now),
            ", ".join(row["causes"]),
        )
    console.print(table)


@app.command("show")
def show(number: str = number_argument, name: str = name_option) -> None:
    """Show a case: clocks, proposals, everything that happened, and what may be done next."""
    file = ask_shop(load_settings(), "case.show", number=number, name=name)
    case, now = file["case"], SystemClock().now()
    title = f"{case['number']}  {case['stage']}, {case['severity']}, {', '.join(case['causes'])}"
    console.print(title, style="bold", markup=False, highlight=False)
    lines = [
        ("owner", f"{case['owner']}, level {case['escalation_level']}"),
        ("opened", f"{_said(case['opened_at'])} by {case['channel']} ({file['level']})"),
        ("first answer", _clock(case["first_answered_at"], case["deadline_at"], now)),
        ("solution", _solution(case, now)),
        ("earlier case", file["follows"]),
        ("goes on in", file["merged_into"]),
        ("other ways named", ", ".join(case["recourse"])),
        *((text.replace("_", " "), case[text]) for text in TEXTS),
    ]
    for label, text in lines:
        if text:
            console.print(f"{label:>16}  {text}", markup=False, highlight=False)
    _show_rows(file)
    if file["plan"]:
        console.print(file["plan"], style="yellow", markup=False, highlight=False)
    moves = ", ".join(file["moves"]) or "none"
    console.print(f"may be done now: {moves}", markup=False, highlight=False)


def _show_rows(file: dict[str, Any]) -> None:
    if file["proposals"]:
        table = Table("proposal", "state", "kind", "what", "yuan", "needs", "customer")
        for row in file["proposals"]:
            table.add_row(
                str(row["ordinal"]),
                row["state"],
                row["kind"],
                escape(row["text"]),
                f"{row['value_fen'] / 100:.2f}",
                row["approver"],
                escape(row["answer"]),
            )
        console.print(table)
    table = Table("", "when", "who", "what", "more")
    for event in file["events"]:
        more = ", ".join(f"{name}: {value}" for name, value in event["body"].items())
        when = _said(event["created_at"])
        table.add_row(str(event["ordinal"]), when, event["actor"], event["verb"], escape(more))
    console.print(table)


@app.command("board")
def board() -> None:
    """Count the open cases by stage."""
    table = Table("stage", "", "open", "overdue", "waiting for the customer")
    for row in ask_shop(load_settings(), "case.board"):
        figures = (str(row[name]) for name in ("count", "overdue", "paused"))
        table.add_row(row["stage"], row["name"], *figures)
    console.print(table)


@app.command("alarms")
def alarms() -> None:
    """List the alarms of harm and threats: how long from what was said until somebody was told."""
    rows = ask_shop(load_settings(), "case.alarms")
    if not rows:
        console.print("there was no alarm.")
        return
    table = Table("case", "of", "said", "sent", "seconds")
    for row in rows:
        sent = _said(row["sent_at"]) if row["sent_at"] else "to nobody yet"
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        table.add_row(row["number"], row["gravity"], _said(row["said_at"]), sent, seconds)
    console.print(table)
    took = [row["seconds"] for row in rows if row["seconds"] is not None]
    if took:
        text = (
            f"{len(took)} of {len(rows)} sent; median {median(took):.1f} s, most {max(took):.1f} s"
        )
        console.print(text, highlight=False)
    else:
        console.print("nobody was told: set PRELUDE_ALARM_TO, or ./prelude webhook add")


@app.command("enter")
def enter(
    text: str = typer.Argument(help="What the customer said."),
    name: str = name_option,
    channel: str = typer.Option("phone", help="phone, shop, dealer, repair_station, survey …"),
    cause: list[str] = typer.Option([], help="product, service, policy … (repeat it)."),
    harm: list[str] = typer.Option([], help="economic=slight, bodily=serious … (repeat it)."),
    phone: str | None = typer.Option(None, help="The customer's number."),
    customer: int | None = typer.Option(None, help="The customer's id."),
    product: str | None = typer.Option(None, help="The product's id."),
    dealer: str | None = typer.Option(None, help="The dealer that it is about."),
    wish: str | None = typer.Option(None, help="What the customer wants."),
) -> None:
    """Enter a complaint that was heard by phone, in the shop, by a dealer."""
    case = {
        "channel": channel,
        "text": text,
        "causes": cause,
        "harm": _pairs("--harm", harm),
        "phone": phone,
        "customer_id": customer,
        "product_id": product,
        "dealer": dealer,
        "wish": wish,
    }
    row = ask_shop(load_settings(), "case.enter", name=name, case=case)
    due = _said(row["deadline_at"])
    console.print(f"case {row['number']}, to be answered by {due}", highlight=False)


@app.command("assign")
def assign(
    number: str = number_argument,
    owner: str = typer.Argument(help="A person or a team."),
    name: str = name_option,
) -> None:
    """Give a case to somebody."""
    _move(number, "assign", name, owner=owner)


@app.command("take")
def take(number: str = number_argument, name: str = name_option) -> None:
    """Take a case over."""
    _move(number, "take", name)


@app.command("acknowledge")
def acknowledge(
    number: str = number_argument, name: str = name_option, note: str = note_option
) -> None:
    """The customer has heard that we have it, and until when they hear more."""
    _move(number, "acknowledge", name, note=note)


@app.command("assess")
def assess(
    number: str = number_argument,
    name: str = name_option,
    cause: list[str] = typer.Option([], help="product, service, policy … (repeat it)."),
    harm: list[str] = typer.Option([], help="economic=slight, bodily=serious … (repeat it)."),
    outlet: list[str] = typer.Option([], help="media=threatened, authority=used … (repeat it)."),
    severity: str | None = typer.Option(None, help="slight, serious or bodily."),
    reaction: str | None = typer.Option(None, help="resigned, reasoning, angry, grumbling, calm."),
    dealer: str | None = typer.Option(None, help="The dealer that it is about."),
    product: str | None = typer.Option(None, help="The product's id."),
    wish: str | None = typer.Option(None, help="What the customer wants."),
    account: str = typer.Option("", help="What the customer has told, and confirmed."),
) -> None:
    """Say what it is about: causes, harm by degree, what the customer wants."""
    _move(
        number,
        "assess",
        name,
        causes=cause or None,
        harm=_pairs("--harm", harm),
        outlets=_pairs("--outlet", outlet),
        severity=severity,
        reaction=reaction,
        dealer=dealer,
        product_id=product,
        wish=wish,
        account=account,
    )


@app.command("investigate")
def investigate(
    number: str = number_argument,
    finding: str = typer.Argument("", help="What was found out; left out: it begins."),
    name: str = name_option,
) -> None:
    """Find out what happened."""
    _move(number, "investigate", name, finding=finding)


@app.command("decide")
def decide(
    number: str = number_argument,
    outcome: str = typer.Argument(help="accept, partly or decline."),
    reason: str = typer.Option(..., help="Why."),
    how: str = typer.Option("", help="How it is solved."),
    name: str = name_option,
    reasonable: bool = typer.Option(..., help="Is the claim reasonable?"),
    must: bool = typer.Option(..., help="Must we solve it?"),
    able: bool = typer.Option(..., help="Are we able to?"),
) -> None:
    """Decide: reasonable? must we? are we able? how?"""
    _move(
        number,
        "decide",
        name,
        outcome=outcome,
        reason=reason,
        how=how,
        reasonable=reasonable,
        must=must,
        able=able,
    )


@app.command("propose")
def propose(
    number: str = number_argument,
    text: str = typer.Argument(help="What is offered."),
    name: str = name_option,
    moral: bool = typer.Option(False, "--moral", help="It costs nothing: an apology, a call."),
    limit: str = typer.Option("", help="The limit of limits.yml that it counts against."),
    yuan: float = typer.Option(0.0, help="What it costs the shop."),
    remedy: str = typer.Option("", help="The remedy of remedies.yml that it is."),
) -> None:
    """Offer something; above your limit it waits for approval."""
    body = {"kind": "moral" if moral else "material", "text": text, "limit": limit}
    _move(number, "propose", name, **body, value_fen=round(yuan * 100), remedy=remedy)


@app.command("approve")
def approve(
    number: str = number_argument,
    name: str = name_option,
    proposal: int | None = proposal_option,
    refuse: str = typer.Option("", "--refuse", help="Do not approve; why."),
) -> None:
    """Approve a proposal above the limit, or refuse it."""
    if refuse:
        _move(number, "refuse", name, proposal=proposal, reason=refuse)
    else:
        _move(number, "approve", name, proposal=proposal)


@app.command("communicate")
def communicate(
    number: str = number_argument,
    name: str = name_option,
    note: str = note_option,
    recourse: list[str] = typer.Option([], help="review, association, authority (repeat it)."),
) -> None:
    """The customer was told decision and proposals."""
    _move(number, "communicate", name, note=note, recourse=recourse)


@app.command("answer")
def answer(
    number: str = number_argument,
    said: str = typer.Argument(help="accepted, rejected or counter."),
    words: str = typer.Option("", help="In the customer's words; for counter: what they want."),
    name: str = name_option,
    proposal: int | None = proposal_option,
) -> None:
    """Note the customer's answer."""
    if said not in ANSWERS:
        raise UsageError(f"the answer is one of {', '.join(ANSWERS)}, not {said!r}")
    _move(number, ANSWERS[said], name, proposal=proposal, words=words)


@app.command("done")
def done(
    number: str = number_argument,
    name: str = name_option,
    proposal: int | None = proposal_option,
    note: str = note_option,
) -> None:
    """What was agreed on was carried out."""
    _move(number, "carry_out", name, proposal=proposal, note=note)


@app.command("close")
def close(
    number: str = number_argument,
    reason: str = typer.Option(..., help="Why it is closed."),
    level: str | None = typer.Option(None, help="Of the cause: policy, system or person."),
    name: str = name_option,
) -> None:
    """Close a case; what it lacks is said."""
    _move(number, "close", name, reason=reason, cause_level=level)


@app.command("reopen")
def reopen(
    number: str = number_argument,
    why: str = typer.Option(..., help="What the customer says."),
    name: str = name_option,
) -> None:
    """Open a closed case again, one level up."""
    _move(number, "reopen", name, why=why)


@app.command("merge")
def merge(
    number: str = number_argument,
    into: str = typer.Argument(help="The case in which it goes on."),
    name: str = name_option,
) -> None:
    """Go on in another case of the same customer."""
    _move(number, "merge", name, into=into)


@app.command("link")
def link(
    number: str = number_argument,
    to: str = typer.Argument(help="The earlier case of the same trouble."),
    name: str = name_option,
) -> None:
    """Say that it is the same trouble again."""
    _move(number, "link", name, to=to)


@app.command("note")
def note(
    number: str = number_argument,
    text: str = typer.Argument(help="What to note."),
    name: str = name_option,
) -> None:
    """Note something."""
    _move(number, "note", name, note=text)


@app.command("move")
def move(
    number: str = number_argument,
    which: str = typer.Argument(
        help="wait, resume, escalate, end_contact, drop … or any of the others."
    ),
    values: list[str] = typer.Argument(None, help="what it takes, as name=value."),
    name: str = name_option,
) -> None:
    """Make any move by its name, such as: move P26… wait why='sends photos'."""
    _move(number, which, name, **_pairs("", values or []))


def _move(number: str, which: str, name: str, **body: Any) -> None:
    given = {key: value for key, value in body.items() if value not in (None, "", [], {})}
    row = ask_shop(load_settings(), "case.move", number=number, move=which, name=name, body=given)
    due = _due(row, SystemClock().now())
    text = f"case {row['number']}: {row['stage']}, owner {row['owner']}"
    console.print(f"{text}, {due}" if due else text, markup=False, highlight=False)


def _pairs(option: str, values: list[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for each in values:
        key, sign, value = each.partition("=")
        if not sign:
            raise UsageError(f"{option} {each!r} is not like name=value".strip())
        pairs[key] = int(value) if value.isascii() and value.isdigit() else value
    return pairs


def _due(row: dict[str, Any], now: datetime) -> str:
    """Say what is due next."""
    if row["stage"] in ("closed", "merged") or row["resolved_at"]:
        return ""
    if row["first_answered_at"] is None:
        return "answer " + _clock(None, row["deadline_at"], now)
    return "solution " + _solution(row, now)


def _solution(row: dict[str, Any], now: datetime) -> str:
    if row["paused_at"]:
        return f"waits for the customer, at the longest until {_said(row['resume_by'])}"
    return _clock(row["resolved_at"], row["solution_due_at"], now)


def _clock(done_at: str | None, due_at: str | None, now: datetime) -> str:
    if done_at is not None:
        return f"done {_said(done_at)}"
    if due_at is None:
        return ""
    is_late = msgspec.convert(due_at, datetime) < now
    return f"{'OVERDUE since' if is_late else 'by'} {_said(due_at)}"


def _said(moment: str) -> str:
    return f"{msgspec.convert(moment, datetime).astimezone(SHOP_TIME_ZONE):%Y-%m-%d %H:%M}"
