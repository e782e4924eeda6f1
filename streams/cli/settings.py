"""The settings of a command: the environment, its options, and the running embedded stack."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_settings import SettingsError

from streams.devstack import running_stack
from streams.settings import Settings


class MissingBroker(RuntimeError):
    """No broker or registry is configured, and the embedded stack does not run."""


class InvalidSettings(ValueError):
    """An environment variable holds a value that its setting does not take."""


def read_settings(**overrides: object) -> Settings:
    """Read the settings as they are given; addresses that are not set are empty.

    Args:
        overrides: Fields given on the command line; those that are None are left out.

    Raises:
        InvalidSettings: A variable or an override holds what its setting does not take.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate({**Settings().model_dump(), **given})
    except ValidationError as error:
        problems = "; ".join(
            f"THEWALL_{'_'.join(str(part) for part in problem['loc']).upper()}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise InvalidSettings(problems) from error
    except SettingsError as error:
        raise InvalidSettings(f"a THEWALL_ variable can't be read: {error}") from error


def load_settings(**overrides: object) -> Settings:
    """Read the settings; addresses that are not set are those of the running embedded stack.

    Args:
        overrides: Fields given on the command line; those that are None are left out.

    Raises:
        InvalidSettings: A variable or an override holds what its setting does not take.
        MissingBroker: No address is set and no embedded stack runs.
    """
    settings = read_settings(**overrides)
    if settings.bootstrap_servers and settings.registry_url:
        return settings
    stack = running_stack()
    if stack is None:
        raise MissingBroker(
            "no broker: run `thewall up`, or set THEWALL_BOOTSTRAP_SERVERS and THEWALL_REGISTRY_URL"
        )
    found = {
        "bootstrap_servers": settings.bootstrap_servers or stack.bootstrap_servers,
        "registry_url": settings.registry_url or stack.registry_url,
        # Whoever is told to be a user of fewer rights creates nothing.
        "create_topics": settings.create_topics or not settings.kafka_user,
    }
    default = {name: field.default for name, field in Settings.model_fields.items()}
    of_stack = {n: v for n, v in stack.settings.items() if getattr(settings, n) == default[n]}
    return Settings.model_validate(settings.model_dump(exclude_unset=True) | found | of_stack)
