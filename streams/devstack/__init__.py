"""A real Apache Kafka broker and a real Apicurio Registry on this machine, without Docker."""

from streams.devstack.stack import Stack, StackAddresses, StackError, running_stack

__all__ = ["Stack", "StackAddresses", "StackError", "running_stack"]
