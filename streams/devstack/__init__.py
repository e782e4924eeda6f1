"""A real Apache Kafka broker and a real Apicurio Registry on this machine, without Docker."""

from streams.devstack.stack import Running, Stack, StackError, running

__all__ = ["Running", "Stack", "StackError", "running"]
