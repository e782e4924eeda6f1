"""Foreign records of all kinds against the real stack; `make battery` drives it."""
