"""What a person sees: the page, the API and its events, from a replica of the compacted topics."""
