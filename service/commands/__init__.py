"""The commands of some areas, and what every command works with. ``service.cli`` gathers them."""
