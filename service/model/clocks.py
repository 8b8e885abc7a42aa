"""What we take of other systems' clocks."""

from datetime import timedelta

CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much another system's clock may be ahead of ours."""
