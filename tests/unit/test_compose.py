"""docker-compose.yml and the Dockerfile, judged without an engine: `make compose-check`."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose

from streams.cli.settings import read_settings
from streams.devstack import artifacts
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
OURS = ("worker", "web")
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def problems_of(text: str) -> list[str]:
    """What an engine would refuse, or a process would stumble over."""
    # Where a variable has a default, that is what it is here.
    merged = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    try:
        # The library knows no merge keys; what they stand for is merged by now.
        PyCompose.from_yaml(yaml.safe_dump(merged))
    except ValueError as error:
        return [str(error)]
    return [
        f"{name}: {problem}"
        for name, service in merged["services"].items()
        for problem in _problems(service, merged)
    ]


def _problems(service, merged):
    depends = service.get("depends_on", {})
    for other in depends:
        if other not in merged["services"]:
            yield f"depends on {other}, which is not there"
        elif isinstance(depends, dict):
            condition = depends[other]["condition"]
            if condition not in CONDITIONS:
                yield f"depends on {other} being {condition}, which is no condition"
            if condition == "service_healthy" and "healthcheck" not in merged["services"][other]:
                yield f"waits for {other} to be healthy, which has no health check"
    for volume in service.get("volumes", []):
        source, colon, _ = volume.partition(":")
        if colon and source.startswith("."):
            if not (ROOT / source).exists():
                yield f"mounts {source}, which is not there"
        elif colon and source not in merged.get("volumes", {}):
            yield f"mounts {source}, which is no volume"
    for port in service.get("ports", []):
        host = port["host_ip"] if isinstance(port, dict) else str(port).rpartition(":")[0]
        if not host.startswith("127.0.0.1"):
            yield f"publishes {port} beyond loopback"
    variables = service.get("environment", {})
    given = {k: str(v) for k, v in variables.items() if k.startswith("THEWALL_") and v is not None}
    for name in variables:
        if name.startswith("THEWALL_") and name[8:].lower() not in Settings.model_fields:
            yield f"{name} is no setting"
    try:
        read_settings(**{name[8:].lower(): value for name, value in given.items()})
    except ValueError as error:
        yield str(error)


def listens_on(service) -> list[str]:
    """The ports of a service's own."""
    ports = service["ports"]
    return [str(p["target"]) if isinstance(p, dict) else p.rpartition(":")[2] for p in ports]


def test_an_engine_would_take_the_file_and_every_variable_is_a_setting():
    assert problems_of(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("    ports:\n", "    port:\n", "port"),
        ("interval: 5s", "interval: soon", "soon"),
        ("    registry:\n    ", "    registri:\n    ", "registri"),
        ("    condition: service_healthy", "    condition: healthy", "healthy"),
        ("kafka-data:/var", "kafka-date:/var", "kafka-date"),
        ("./dashboards/alerts.yml:", "./dashboards/alert.yml:", "alert.yml"),
        ('"127.0.0.1:6060:6060"', '"6060:6060"', "beyond loopback"),
        ("host_ip: 127.0.0.1", "host_ip: 0.0.0.0", "beyond loopback"),
        ("THEWALL_PAGE_HOST:", "THEWALL_PAGE_HOTS:", "is no setting"),
        ("THEWALL_PAGE_HOST: 0.0.0.0", "THEWALL_PAGE_HOST: everywhere!", "is no host"),
        ("THEWALL_REGISTRY_URL: http:", "THEWALL_REGISTRY_URL: htp:", "registry"),
        ("depends_on: [prometheus]", "depends_on: [promotheus]", "promotheus"),
    ],
)
def test_a_mistake_in_it_is_found(right, wrong, problem):
    assert right in TEXT
    found = problems_of(TEXT.replace(right, wrong))
    assert found
    assert problem in " ".join(found)


def test_the_containers_have_the_versions_of_the_lock_file():
    versions = {a.name: a.version for a in artifacts.locked()}
    services = yaml.safe_load(TEXT)["services"]
    assert services["kafka"]["image"] == f"apache/kafka:{versions['kafka_2.13']}"
    registry = f"apicurio/apicurio-registry:{versions['apicurio-registry-app']}"
    assert services["registry"]["image"] == registry
    for service in services.values():
        assert "latest" not in service["image"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_more_rights_than_they_need_and_are_healthy_when_ready(name):
    service = yaml.safe_load(TEXT)["services"][name]
    assert service["read_only"]
    assert service["init"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    (port,) = re.findall(r"127\.0\.0\.1:(\d+)/ready/", " ".join(service["healthcheck"]["test"]))
    assert port in listens_on(service)


def test_more_workers_have_ports_and_directories_of_their_own():
    worker = yaml.safe_load(TEXT)["services"]["worker"]
    assert "container_name" not in worker
    assert all(":" not in volume for volume in worker["volumes"])
    assert all(re.fullmatch(r"\d+-\d+", port["published"]) for port in worker["ports"])
    assert worker["command"][-2:] == ["--processes", "1"]


def test_prometheus_looks_for_processes_where_the_containers_are():
    services = yaml.safe_load(TEXT)["services"]
    config = yaml.safe_load((ROOT / "dashboards/prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        (found,) = job["dns_sd_configs"]
        (name,) = found["names"]
        assert str(found["port"]) in listens_on(services[name])
    # A request by a name that is not its own is refused.
    assert services["web"]["environment"]["THEWALL_PAGE_NAMES"] == "web"


def test_everything_that_the_image_copies_is_there_and_sent_to_the_engine():
    kept = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
        *sources, _target = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, pattern) for pattern in kept), source


def test_what_runs_is_not_root_and_has_no_source():
    run = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+$", run, re.M)
    assert re.findall(r"^COPY .+$", run, re.M) == ["COPY --from=build /opt/thewall /opt/thewall"]
