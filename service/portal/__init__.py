"""The customer's HTML door: pages, forms and words, over the same actions as the JSON door."""
