"""How fast the pipeline is, beside four other programs of the same job: `make bench`."""
