"""The embedded stack with TLS, users and rights: to try what a shared cluster asks for.

Certificates are of an authority of its own, passwords are made up; both are files in `secure/`
that only the user can read. Clients are users with passwords (SCRAM). The broker itself, which may
do everything, is known by its certificate, on a listener of its own.
"""

from __future__ import annotations

import secrets
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from streams.devstack.files import write_whole
from streams.devstack.ports import HOST
from streams.devstack.processes import StackError
from streams.devstack.stack import LISTENERS, Stack, is_secure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MECHANISM = "SCRAM-SHA-512"
REGISTRY_USER = "registry"
OPERATOR = "operator"
# By user: what the registry lets it do.
ROLES = {
    OPERATOR: "sr-admin",
    "worker": "sr-readonly",
    "web": "sr-readonly",
    "producer": "sr-readonly",
    "reader": "sr-readonly",
}
ITERATIONS = 4096
TIMEOUT_S = 30.0
# Of the registry itself, which keeps its schemas in Kafka.
REGISTRY_TOPICS = ("kafkasql-journal", "kafkasql-snapshots", "registry-events")


class SecureStack(Stack):
    """Kafka and one registry, with TLS, users and rights."""

    listeners = (*LISTENERS, "internal")
    registry_scheme = "https"

    def __init__(self, directory: Path) -> None:
        """Name the stack of a directory; nothing is touched before it is started."""
        super().__init__(directory)
        self._files = directory / "secure"

    def password(self, user: str) -> str:
        """The password of a user, on the broker and at the registry."""
        return (self._files / f"{user}.password").read_text(encoding="utf-8")

    def security(self, user: str) -> dict[str, str]:
        """The settings of TLS and of a user, by name."""
        ca = str(self._files / "ca.pem")
        return {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": MECHANISM,
            "kafka_user": user,
            "kafka_password": self.password(user),
            "kafka_ca": ca,
            "registry_user": user,
            "registry_password": self.password(user),
            "registry_ca": ca,
        }

    def client_settings(self) -> dict[str, Any]:
        """What an operator should set, by name of the setting."""
        security = self.security(OPERATOR) if is_secure(self.directory) else {}
        return super().client_settings() | security

    def prepare_files(self) -> None:
        """The first time, make what the broker and its users are known by."""
        if not is_secure(self.directory):
            if self._has_data():
                raise StackError("the stack has data without users: begin anew with --fresh")
            self._make_secrets()

    def _make_secrets(self) -> None:
        try:
            import trustme  # only here: others make no certificates
            from cryptography.hazmat.primitives import serialization as pem
        except ImportError as error:
            text = "trustme is not installed: install the-wall[embedded], which has it"
            raise StackError(text) from error
        self._files.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = trustme.CA()
        for name in ("kafka", "registry"):
            made = authority.issue_cert(HOST, "localhost", common_name=name)
            key = pem.load_pem_private_key(made.private_key_pem.bytes(), None)
            # Java reads no other form than this.
            text = key.private_bytes(
                pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()
            ).decode()
            chain = "".join(blob.bytes().decode() for blob in made.cert_chain_pems)
            self._write(f"{name}.key", text)
            self._write(f"{name}.crt", chain)
            self._write(f"{name}.pem", text + chain)
        for user in (*ROLES, REGISTRY_USER):
            self._write(f"{user}.password", secrets.token_urlsafe(24))
        # Last: that it is there says that all is.
        self._write("ca.pem", authority.cert_pem.bytes().decode())

    def _write(self, name: str, text: str) -> None:
        (self._files / name).touch(mode=0o600)
        write_whole(self._files / name, text)
        (self._files / name).chmod(0o600)

    def broker_properties(self, ports: Mapping[str, int]) -> dict[str, object]:
        """Three listeners: for clients, for the broker's own administration, for the controller."""
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        clients = f"CLIENTS://{HOST}:{ports['kafka']}"
        internal = f"INTERNAL://{HOST}:{ports['internal']}"
        return {
            "listeners": f"{clients},{internal},CONTROLLER://{HOST}:{ports['controller']}",
            "advertised.listeners": f"{clients},{internal}",
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "INTERNAL",
            "sasl.enabled.mechanisms": MECHANISM,
            "listener.name.clients.scram-sha-512.sasl.jaas.config": login,
            "listener.name.internal.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": "secure/kafka.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": "secure/ca.pem",
            "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:kafka",
        }

    def registry_environment(self, port: int) -> dict[str, str]:
        """HTTPS with users, whose roles say what they may do; and a user of the broker."""
        login = (
            "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{REGISTRY_USER}" password="{self.password(REGISTRY_USER)}";'
        )
        environment = {
            "QUARKUS_HTTP_SSL_PORT": str(port),
            "QUARKUS_HTTP_INSECURE_REQUESTS": "disabled",
            "QUARKUS_HTTP_SSL_CERTIFICATE_FILES": str(self._files / "registry.crt"),
            "QUARKUS_HTTP_SSL_CERTIFICATE_KEY_FILES": str(self._files / "registry.key"),
            "QUARKUS_HTTP_AUTH_BASIC": "true",
            "QUARKUS_HTTP_AUTH_PERMISSION_ALL_PATHS": "/apis/*",
            "QUARKUS_HTTP_AUTH_PERMISSION_ALL_POLICY": "authenticated",
            "QUARKUS_SECURITY_USERS_EMBEDDED_ENABLED": "true",
            "QUARKUS_SECURITY_USERS_EMBEDDED_PLAIN_TEXT": "true",
            "APICURIO_AUTH_ROLE_BASED_AUTHORIZATION": "true",
            "APICURIO_KAFKASQL_SECURITY_PROTOCOL": "SASL_SSL",
            "APICURIO_KAFKA_COMMON_SECURITY_PROTOCOL": "SASL_SSL",
            "APICURIO_KAFKA_COMMON_SASL_MECHANISM": MECHANISM,
            "APICURIO_KAFKA_COMMON_SASL_JAAS_CONFIG": login,
            "APICURIO_KAFKA_COMMON_SSL_TRUSTSTORE_TYPE": "PEM",
            "APICURIO_KAFKA_COMMON_SSL_TRUSTSTORE_LOCATION": str(self._files / "ca.pem"),
        }
        for user, role in ROLES.items():
            of = user.upper()
            environment[f"QUARKUS_SECURITY_USERS_EMBEDDED_USERS_{of}"] = self.password(user)
            environment[f"QUARKUS_SECURITY_USERS_EMBEDDED_ROLES_{of}"] = role
        return environment

    def admin(self) -> AdminClient:
        """A client that may do everything: it has the broker's own certificate."""
        ports = self._ports()
        internal = [f"{HOST}:{ports[broker.numbered('internal')]}" for broker in self.brokers]
        return AdminClient(
            {
                "bootstrap.servers": ",".join(internal),
                "security.protocol": "SSL",
                "ssl.ca.location": str(self._files / "ca.pem"),
                "ssl.certificate.location": str(self._files / "kafka.crt"),
                "ssl.key.location": str(self._files / "kafka.key"),
                "log_level": 0,
            }
        )

    def prepare_broker(self) -> None:
        """Make the users, and give the registry its rights."""
        admin = self.admin()
        mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        users: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, mechanism, self.password(user).encode())
            for user in (*ROLES, REGISTRY_USER)
        ]
        try:
            for made in admin.alter_user_scram_credentials(users).values():
                made.result(TIMEOUT_S)
        except KafkaException as error:
            raise StackError(f"users could not be made: {error.args[0].str()}") from error
        of_topics = ("Read", "Write", "Create", "Describe", "DescribeConfigs")
        self.grant(
            REGISTRY_USER,
            [
                *(("topic", name, of_topics, False) for name in REGISTRY_TOPICS),
                ("group", "apicurio", ("Read",), True),
            ],
        )

    def grant(self, user: str, rights: Iterable[tuple[str, str, tuple[str, ...], bool]]) -> None:
        """Give rights to a user.

        Args:
            user: Its name.
            rights: Kind of resource (topic, group or transactional-id), name, operations, and
                whether the name is the beginning of names.

        Raises:
            StackError: The broker refuses.
        """
        bindings = [
            AclBinding(
                ResourceType[resource.upper().replace("-", "_")],
                name,
                ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                _operation(operation),
                AclPermissionType.ALLOW,
            )
            for resource, name, operations, prefixed in rights
            for operation in operations
        ]
        admin = self.admin()  # what it has been asked ends with it
        try:
            for made in admin.create_acls(bindings).values():
                made.result(TIMEOUT_S)
        except KafkaException as error:
            raise StackError(f"{user} could not be given rights: {error.args[0].str()}") from error

    def _registry_answers(self) -> bool:
        connection = HTTPConnection(HOST, self._ports()["management"], timeout=2)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _operation(name: str) -> Any:
    """An operation as the client names it: `DescribeConfigs` is DESCRIBE_CONFIGS there."""
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in name)
    return AclOperation[words.lstrip("_").upper()]
