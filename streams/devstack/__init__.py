"""A real Apache Kafka broker and a real Apicurio Registry on this machine, without Docker."""

from streams.devstack.running import running_stack
from streams.devstack.stack import Stack, StackAddresses, StackError

__all__ = ["Stack", "StackAddresses", "StackError", "running_stack"]
