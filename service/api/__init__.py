"""The JSON door: one file for each resource, wire structs above the handlers that speak them."""
