"""The clock on the wall: ends what has run its time. Any number of workers may run."""
