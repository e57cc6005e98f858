"""The command line: the same stages as Airflow's tasks, with exit codes a script can rely on.

0  done, and every check passed (or failed as a warning)
1  done, but a check of severity `critical` failed: the report is withheld
2  bad spec, input or usage: one line on standard error that names the field and the remedy
3  the run broke
130, 143  ended by Ctrl-C or SIGTERM: one line; run again, it goes on where it stopped

Progress goes to standard error; the report's path is the last line on standard output.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ig_tasks.cli import browser_commands, drift_commands
from ig_tasks.cli.command_help import ExampleCommand
from ig_tasks.cli.export_command import export
from ig_tasks.cli.import_command import import_clarify, import_vertex
from ig_tasks.cli.reasons_command import REASONS_EXAMPLES, reasons
from ig_tasks.cli.signals import Terminated, code_of, stoppable
from ig_tasks.cli.spec_settings import load_spec
from ig_tasks.cli.trend_command import trend
from ig_tasks.errors import IgTasksError, UserError, ValidationFailedError

_EXIT_CODES = """Exit codes:
  0  done, and every check passed, or failed as a warning
  1  done, but a critical check failed: the report is withheld
  2  bad spec, input or usage: one line says which field, and what to do
  3  the run broke"""


_Function = TypeVar("_Function", bound=Callable[..., Any])


def _command(short: str, *examples: str, exit_codes: bool = False) -> Callable[[_Function], _Function]:
    """Registers a function as a command: what the list of commands says of it, and the examples of its help."""
    shown = "\n".join(["Examples:" if len(examples) > 1 else "Example:", *(f"  {line}" for line in examples)])
    return app.command(
        cls=ExampleCommand, short_help=short, epilog=f"{shown}\n\n{_EXIT_CODES}" if exit_codes else shown
    )


app = typer.Typer(
    name="ig-tasks",
    help="Which features drive a deep model: Integrated Gradients on a schedule, with proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# typer carries its own copy of click, whose exceptions it does not export.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec's YAML file.", show_default=False)]
StoreUri = Annotated[str | None, typer.Option("--store", metavar="URI", help="Where runs lie, any fsspec URI.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the spec, e.g. attribution.tolerance=0.001."),
]
Partition = Annotated[str | None, typer.Option(metavar="EXPR", help="2013-10, 2013-01..2013-09 or all.")]


def _say_version(wanted: bool) -> None:
    if wanted:
        from ig_tasks import __version__

        typer.echo(f"ig-tasks {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """What every command has."""


@_command(
    "Explain a partition and publish its report",
    "ig-tasks run include/specs/flights_torch.yaml --partition 2013-10",
    "ig-tasks run include/specs/flights_torch.yaml --set attribution.tolerance=0.001",
    exit_codes=True,
)
def run(spec: SpecFile, store: StoreUri = None, settings: Settings = None, partition: Partition = None) -> None:
    """Explain a partition and publish its report; what is done already is not done again."""
    from ig_tasks import pipeline

    chosen = load_spec(spec, store, settings)
    reference = pipeline.run(chosen, partition=partition, context={"by": "command line"})
    typer.echo(reference["report_uri"])


@_command(
    "Check everything that needs no computing", "ig-tasks check include/specs/flights_torch.yaml", exit_codes=True
)
def check(spec: SpecFile, store: StoreUri = None, settings: Settings = None, partition: Partition = None) -> None:
    """Check everything that needs no computing: spec, model, layers, baseline, columns, a handful of rows."""
    from rich.console import Console

    from ig_tasks.pipeline.checkup import Checkup
    from ig_tasks.reports.layers import print_diagnosis

    chosen = load_spec(spec, store, settings)
    with Checkup(chosen, partition=partition) as checkup:
        for line in checkup.lines():
            typer.echo(line)
        if (diagnosis := checkup.diagnosis()) is not None:
            print_diagnosis(diagnosis, Console(highlight=False))
        try:
            judged = checkup.baseline_assessment().lines()
        except UserError as error:
            judged = [f"not done ({error})"]
    for line in judged:
        typer.echo(f"judged    {line}")


@_command(
    "Show a report, or several side by side",
    "ig-tasks show ig_runs/flights_torch",
    "ig-tasks show ig_runs/flights_torch ig_runs/flights_keras",
)
def show(
    reports: Annotated[
        list[str],
        typer.Argument(metavar="REPORT...", help="A report.json, a run's folder, or a folder with latest.json."),
    ],
) -> None:
    """Show a report in the terminal, or the top features of several side by side."""
    from rich.console import Console

    from ig_tasks.reports.terminal import print_report, print_side_by_side
    from ig_tasks.store.runs import locate_report

    located = [locate_report(location) for location in reports]
    console = Console(highlight=False)
    if len(located) == 1:
        report, uri = located[0]
        print_report(report, console, paths={"report": uri, "page": page_of(uri)})
        return
    print_side_by_side([report for report, _ in located], console)
    for report, uri in located:
        console.print(f"{report.name}: {page_of(uri)}", markup=False, soft_wrap=True)


def page_of(report_uri: str) -> str:
    """The page that lies beside a report.json."""
    return report_uri.removesuffix(".json") + ".html"


_command(
    "Say what changed between two reports, and why",
    "ig-tasks diff ig_runs/flights_torch@2013-05 ig_runs/flights_torch@2013-06",
    "ig-tasks diff ig_runs/flights_torch@2013-05 ig_runs/flights_torch --json drift.json",
)(drift_commands.diff)
_command("Register the report with which a model was launched", "ig-tasks launch ig_runs/flights_torch@2013-09")(
    drift_commands.launch
)
_command("Draw a spec's reports over its partitions", "ig-tasks trend ig_runs/flights_torch --to trend.html")(trend)
_command(
    "Write a report in another system's format",
    "ig-tasks export ig_runs/flights_torch --format csv --to importance.csv",
    "ig-tasks export ig_runs/flights_torch --format cyclonedx",
)(export)
_command(
    "Make a spec of an ExplanationSpec of Vertex AI", "ig-tasks import-vertex explanation_spec.json --name my_model"
)(import_vertex)
_command(
    "Make a spec of an analysis configuration of SageMaker Clarify",
    "ig-tasks import-clarify analysis_config.json --name my_model",
)(import_clarify)
_command("Say why rows were turned down", *REASONS_EXAMPLES)(reasons)
_command("Show a store's reports in a browser on this machine", "ig-tasks serve ig_runs")(browser_commands.serve)
_command("Make the index of a store's reports anew", "ig-tasks index ig_runs")(browser_commands.index)


@_command("Set up an Airflow project, or a new one", "ig-tasks init .")
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An Airflow project, or a new folder.")],
) -> None:
    """Write a three-line DAG file, a spec and a folder for the model into an Airflow project."""
    from ig_tasks.orchestration.project import init_project

    for line in init_project(directory):
        typer.echo(line)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; no traceback for a user's mistake."""
    raise SystemExit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    known = [command.callback.__name__.replace("_", "-") for command in app.registered_commands if command.callback]
    try:
        with stoppable():
            code = app(args=arguments or ["--help"], prog_name="ig-tasks", standalone_mode=False)
    except _UsageError as error:
        message = _one_line(error.format_message())  # type: ignore[attr-defined]
        if arguments and arguments[0] in known:
            message += f" (see: ig-tasks {arguments[0]} --help)"
        elif "No such command" in message and "Did you mean" not in message:
            message += f" Commands: {', '.join(known)}."
        _say(message)
        return 2
    except ValidationFailedError as error:
        _say(_one_line(str(error)))
        if error.report_uri:  # `check` finds it before there is a report
            typer.echo(error.report_uri)
        return error.exit_code
    except IgTasksError as error:
        _say(_one_line(str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        code = code_of(signal.SIGINT)
    except Terminated:
        _say("ended by SIGTERM; run again to continue where it stopped")
        return code_of(signal.SIGTERM)
    except Exception:  # noqa: BLE001 - an error that nobody foresaw is the only one to show a traceback
        traceback.print_exc()
        return 3
    # typer hands an interrupt on as its code. A server that is ended so has done what it should.
    if code == code_of(signal.SIGINT) and arguments[:1] != ["serve"]:
        _say("interrupted; run again to continue where it stopped")
    return int(code or 0) if arguments else 2


def _say(line: str) -> None:
    typer.echo(f"ig-tasks: {line}", err=True)


def _one_line(text: str) -> str:
    """`text` without line breaks, without control characters that a terminal would obey, and without secrets."""
    from ig_tasks.spec.uris import without_secrets

    return without_secrets(" ".join("".join(letter if letter.isprintable() else " " for letter in text).split()))
