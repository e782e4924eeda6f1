"""Why a record becomes a dead letter: by itself, so that who reads needs nothing of a worker."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Kinds of reasons why a record becomes a dead letter; the letter's own words say more."""

    KEY = "key"
    """The key is missing, has not the form that it should have, or contradicts the value."""
    PARTITION = "partition"
    """The record is on another partition than its key's."""
    SIZE = "size"
    """The value is too large."""
    SCHEMA = "schema"
    """The value is not in wire format, or of a schema that its topic does not take."""
    BODY = "body"
    """The value is damaged: not what its schema says, or no JSON."""
    CONTENT = "content"
    """The value can be read, and is against the rules."""
    TOMBSTONE = "tombstone"
    """It withdraws what does not exist."""
    UNREADABLE = "unreadable"
    """The record can't be taken out of its batch."""
    FAILED = "failed"
    """The stage failed on it, or ended the worker."""
