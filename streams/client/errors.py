"""What a client says when something can't be done; without Kafka's modules, to be had at once."""

from __future__ import annotations


class ClientError(RuntimeError):
    """The broker, the registry or the data did not allow what was asked; the message says why."""
