"""How many examples a property is tried with: fewer in ``make test``, many times as many in ``make soak``."""

from hypothesis import HealthCheck, settings

USUAL, MANY = 25, 400


def register() -> None:
    """Make both known to Hypothesis. A database is set up for a test: its examples use customers of their own."""
    alike = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    settings.register_profile("usual", alike, max_examples=USUAL)
    settings.register_profile("thorough", alike, max_examples=MANY)
    settings.load_profile("usual")


def some(count: int) -> settings:
    """Return that so many examples are tried where the usual number is too many, or too few."""
    return settings(max_examples=count * settings().max_examples // USUAL)
