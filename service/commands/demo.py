"""``byleave demo``."""

import sys

import click

from service.demo import run
from service.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="Show everything, then stop; status 0 only if all was as said.")
@click.option("--reset", is_flag=True, help="Forget the demo's data.")
@click.pass_obj
def demo(settings: Settings, *, once: bool, reset: bool) -> None:
    """Set up a sample company, serve it, and show what is released and what is withheld."""
    sys.exit(run.reset(settings) if reset else run.demo(settings, once=once))
