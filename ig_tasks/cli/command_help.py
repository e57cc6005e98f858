"""The help of a command."""

from __future__ import annotations

from typing import Any

import typer

__all__ = ["ExampleCommand"]


class ExampleCommand(typer.core.TyperCommand):
    """A command whose help names an argument as people write it (SPEC, not {SPEC} <path>), with examples at the end."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The words of the usage line."""
        return ["[OPTIONS]", *(str(argument.metavar) for argument in self._arguments())]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments first, then options."""
        with formatter.section("Arguments"):
            formatter.write_dl([(str(argument.metavar), argument.help or "") for argument in self._arguments()])
        records = [item.get_help_record(ctx) for item in self.get_params(ctx) if item not in self._arguments()]
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The examples and exit codes, as they are written."""
        formatter.write(f"\n{self.epilog}\n")

    def _arguments(self) -> list[Any]:
        return [item for item in self.params if item.param_type_name == "argument"]
