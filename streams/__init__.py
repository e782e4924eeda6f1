"""The pipeline: the way of an event from a submitted profile to rows of daily ice and cost."""
