"""Commands that are imported once they are asked for: few need the web framework or Alembic, and both take long."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class Patient(click.Group):
    """A group that knows where some of its commands are, and imports no more of them than it needs."""

    def __init__(self, *words: Any, later: Mapping[str, str], **settings: Any) -> None:  # noqa: ANN401  click's own
        super().__init__(*words, **settings)
        self._later = later

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the name of every command."""
        return sorted([*super().list_commands(ctx), *self._later])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name not in self._later:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(import_module(self._later[cmd_name]), cmd_name)
        return found
