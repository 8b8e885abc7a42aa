"""Byleave: a customer's data leaves only as she allows."""
