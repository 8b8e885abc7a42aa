"""The sample company, Harbour Books & Travel: its people, and a look at what the service does for them."""
