"""How a fault of the policies or the catalogue is told: the file, the item in it, and what is wrong."""


def fault(file: str, item: str, what: str) -> str:
    """Say what is wrong with one item."""
    return f"{file}: {item}: {what}"
