"""Asking the registry: which failures are an outage, and how long to ask again."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka.schema_registry.error import SchemaRegistryError
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    before_sleep_log,
    retry_if_exception,
    stop_after_delay,
    stop_never,
    wait_exponential,
)

from streams import metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

# Request timeout, too early, too many requests: the same request is right at another time.
ASK_LATER = (408, 425, 429)

log = logging.getLogger(__name__)


def is_outage(error: BaseException) -> bool:
    """Whether a call failed because the registry can't answer now, whatever was asked."""
    if isinstance(error, SchemaRegistryError):
        status = error.http_status_code
        return status >= 500 or status == -1 or status in ASK_LATER
    # A proxy in front of a registry that is down may answer with a page of its own.
    return isinstance(error, OSError | json.JSONDecodeError) or type(error).__module__.startswith(
        ("httpx", "httpcore")
    )


def _note(state: RetryCallState) -> None:
    """Count a failure; who waits for ever has a log that says for what."""
    metrics.REGISTRY_ERRORS.inc()
    if state.retry_object.stop is stop_never:
        before_sleep_log(log, logging.WARNING)(state)


def _policy(timeout_s: float | None) -> dict[str, Any]:
    return {
        "retry": retry_if_exception(is_outage),
        "wait": wait_exponential(multiplier=0.2, max=5),
        "stop": stop_never if timeout_s is None else stop_after_delay(timeout_s),
        "before_sleep": _note,
        "reraise": True,
    }


def retry_while_down(call: Callable[[], T], timeout_s: float | None = None) -> T:
    """What a call to the registry returns, called again while the registry is down.

    Args:
        call: The call.
        timeout_s: How long to call again, in seconds; None for ever.

    Raises:
        OSError: The registry is still down after that time.
    """
    try:
        return Retrying(**_policy(timeout_s))(call)
    except Exception as error:
        if is_outage(error):
            raise OSError(str(error)) from error
        raise


async def wait_while_down(call: Callable[[], Awaitable[T]]) -> T:
    """As `retry_while_down`, for ever, with the event loop free between the calls."""
    return await AsyncRetrying(**_policy(None))(call)
