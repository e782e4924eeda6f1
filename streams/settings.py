"""Every setting of the pipeline, its default and its environment variable."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from platformdirs import user_data_path
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from domain.rules import DEFAULT_WALL
from domain.wall import checked_wall_id
from streams import addresses

# What may stand in the name of a topic or a group, with room for what we add.
NAME = r"^[A-Za-z0-9._-]{1,100}$"
ENV_PREFIX = "THEWALL_"
SECRETS = frozenset({"api_token", "kafka_password", "kafka_key_password", "registry_password"})
"""Fields that no file of ours and no line of a log has."""


OwnPath: TypeAlias = Annotated[Path, AfterValidator(addresses.own_path)]


class SecretFiles(EnvSettingsSource):
    """A secret may be in a file: `THEWALL_…_FILE` names it, `THEWALL_…` itself goes first."""

    def __call__(self) -> dict[str, Any]:
        """The secrets that are in files.

        Raises:
            SettingsError: A file can't be read.
        """
        found = {}
        for name in sorted(SECRETS):
            variable = f"{ENV_PREFIX}{name.upper()}_FILE"
            path = os.environ.get(variable)
            if path:
                try:
                    found[name] = Path(path).read_text(encoding="utf-8").rstrip("\n")
                except (OSError, UnicodeDecodeError) as error:
                    raise SettingsError(f"{variable}: {path} can't be read: {error}") from error
        return found


class Settings(BaseSettings):
    """What a worker or a command needs to know of its surroundings.

    Each field is read from the environment variable `THEWALL_` + its name in capitals; secrets
    also from the file that this variable with `_FILE` names.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,  # a line `THEWALL_…=` of an env file sets nothing
        validate_default=True,
        frozen=True,
    )

    bootstrap_servers: Annotated[str, AfterValidator(addresses.brokers)] = Field(
        default="", description="Kafka brokers as host:port,…; empty for the embedded stack"
    )
    registry_url: Annotated[str, AfterValidator(addresses.registry)] = Field(
        default="", description="Schema registry (Confluent API); empty for the embedded stack"
    )
    create_topics: bool = Field(
        default=False, description="Create topics and register schemas that are missing, instead "
        "of saying so; on with the embedded stack. Otherwise only `thewall topics` does it",
    )  # fmt: skip
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How to talk to the brokers"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How a user proves who it is"
    )
    kafka_user: str = Field(default="", description="User of the brokers")
    kafka_password: SecretStr | None = Field(default=None, description="Password of that user")
    kafka_ca: OwnPath | None = Field(
        default=None, description="PEM file of the authorities that vouch for the brokers; the "
        "system's unless set",
    )  # fmt: skip
    kafka_certificate: OwnPath | None = Field(
        default=None, description="PEM file of our certificate, for brokers that ask for one"
    )
    kafka_key: OwnPath | None = Field(default=None, description="PEM file of its key")
    kafka_key_password: SecretStr | None = Field(default=None, description="Password of that key")
    registry_user: str = Field(default="", description="User of the registry")
    registry_password: SecretStr | None = Field(default=None, description="Password of that user")
    registry_ca: OwnPath | None = Field(
        default=None, description="PEM file of the authorities that vouch for the registry; the "
        "system's unless set",
    )  # fmt: skip
    app_id: str = Field(
        default="thewall",
        pattern=NAME,
        description="Application id: the consumer group, and the first part of changelog names",
    )
    app_version: int = Field(
        default=0,
        ge=0,
        le=4095,
        description="Application version; 0 for the current one, as recorded on wall.versions. "
        "Each version has its own consumer group, intermediate topics and changelogs",
    )
    shadow: bool = Field(
        default=False,
        description="Publish to topics of this version instead of the final ones; set by "
        "`thewall rebuild`",
    )
    read_until: dict[str, list[int]] = Field(
        default_factory=dict,
        description="For each input topic, the offset per partition at which reading ends; set by "
        "`thewall rebuild`",
    )
    writes_inputs: bool = Field(
        default=True,
        description="Write to the input topics: ticks of running clocks, and what the lines of "
        "submissions mean; `thewall replay` and `thewall rebuild` turn it off",
    )
    topic_prefix: str = Field(default="wall", pattern=NAME, description="First part of topic names")
    partitions: int = Field(default=4, ge=1, le=1000, description="Partitions of every topic")
    replication_factor: int = Field(default=1, ge=1, le=9, description="Replicas of every topic")
    min_insync_replicas: int | None = Field(
        default=None, ge=1, le=9,
        description="Replicas that a record has to be on before it is acknowledged; the brokers' "
        "own `min.insync.replicas` unless set",
    )  # fmt: skip
    dead_letter_days: int = Field(default=30, ge=1, description="Retention of dead letters, days")
    transit_days: int = Field(
        default=7, ge=1, description="Retention of build commands and intermediate topics, days"
    )
    guarantee: Literal["at-least-once", "exactly-once"] = Field(
        default="at-least-once", description="How often what is sent for a record stands on its "
        "topics: exactly once by transactions, for readers of committed records; the same for all "
        "workers",
    )  # fmt: skip
    store: Literal["memory", "rocksdb"] = Field(
        default="memory", description="Where a worker keeps its tables: in memory, or on disk"
    )
    data_dir: Annotated[Path, AfterValidator(addresses.own_path)] = Field(
        default_factory=lambda: user_data_path("thewall") / "worker",
        description="Directory of local files; each worker has a subdirectory",
    )
    default_wall: Annotated[str, AfterValidator(checked_wall_id)] = Field(
        default=DEFAULT_WALL, description="Wall that is meant by paths and commands that name none"
    )
    web_host: Annotated[str, AfterValidator(addresses.host)] = Field(
        default="127.0.0.1", description="Interface that the web views listen on"
    )
    web_advertised_host: Annotated[str, AfterValidator(addresses.host_or_none)] = Field(
        default="", description="Host under which the other workers ask this one; unless set, the "
        "interface that it listens on, or this machine's name if it listens on every one",
    )  # fmt: skip
    web_names: str = Field(
        default="", description="More names that the web views are reached by, as host,host; "
        "addresses, localhost, this machine's name and the advertised host are always good",
    )  # fmt: skip
    web_port: int = Field(default=6066, ge=1, le=65535, description="Port of the web views")
    page_host: Annotated[str, AfterValidator(addresses.host)] = Field(
        default="127.0.0.1", description="Interface that the page and its API bind to"
    )
    page_port: int = Field(default=6060, ge=1, le=65535, description="Port of the page")
    page_names: str = Field(
        default="", description="More names that the page is reached by, as host,host; addresses, "
        "localhost and this machine's name are always good",
    )  # fmt: skip
    api_token: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Token that requests to submit must carry, at least 8 characters; required "
        "when the web views listen beyond loopback",
    )
    writes_per_s: float = Field(
        default=100.0, ge=0, le=1e6,
        description="Writes over HTTP per second that an address (of IPv6, a /64) may go on with, "
        "by process; ten times as many at once, and a body counts once per 8 KiB. 0 for no limit. "
        "The default is what the pipeline builds: 100 profiles of 2,000 sections",
    )  # fmt: skip
    session_timeout_s: float = Field(
        default=30.0,
        ge=6,
        le=300,
        description="Consumer session timeout, seconds: a worker silent for longer loses its "
        "partitions",
    )
    watchdog_s: float = Field(
        default=120.0,
        ge=1,
        description="Watchdog timeout, seconds: a worker with lag and no progress for this long "
        "ends",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged; with DEBUG, Faust's and the "
        "clients' own lines, too",
    )  # fmt: skip
    log_format: Literal["text", "json"] = Field(
        default="text", description="What a line of the log is"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given first, then the environment, then files of secrets."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, SecretFiles(settings_cls)

    @field_validator("min_insync_replicas")
    @classmethod
    def _no_more_than_there_are(cls, value: int | None, info: ValidationInfo) -> int | None:
        replicas = info.data.get("replication_factor")
        if value is not None and replicas is not None and value > replicas:
            raise ValueError(
                f"{value} of {replicas} replicas (THEWALL_REPLICATION_FACTOR) can't be in sync"
            )
        return value

    @property
    def version(self) -> int:
        """The application version; the first, unless it is set or was found from Kafka."""
        return self.app_version or 1

    @property
    def group(self) -> str:
        """The consumer group: the application's id and, from version 2 on, its version."""
        return self.app_id if self.version == 1 else f"{self.app_id}-v{self.version}"

    @property
    def advertised_host(self) -> str:
        """The host under which other workers ask this one."""
        return self.web_advertised_host or addresses.advertised_host(self.web_host)

    @property
    def installation(self) -> str:
        """What tells this installation from any other, without saying where its broker is."""
        told = f"{self.bootstrap_servers} {self.topic_prefix} {self.app_id}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def shown(self) -> dict[str, Any]:
        """What is set to something else than the default, without secrets, for a log."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude=set(SECRETS))

    def environment(self) -> dict[str, str]:
        """The settings as environment variables, for another process."""
        variables = {}
        for name, value in self.model_dump(exclude_none=True).items():
            shown = value.get_secret_value() if isinstance(value, SecretStr) else value
            text = json.dumps(shown) if isinstance(shown, dict) else str(shown)
            variables[f"THEWALL_{name.upper()}"] = text
        return variables

    @property
    def worker_dir(self) -> Path:
        """A worker's own directory: no two workers of one machine share a port."""
        return self.data_dir / f"{self.group}-{self.web_port}"
