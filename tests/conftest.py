"""What holds for all tests: the cluster that they share, and the order in which they run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.harness.clusters import KINDS, choose

if TYPE_CHECKING:
    from tests.harness.clusters import Cluster

# On a busy machine an example may take any time; pytest's own timeout ends what hangs.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

KIND = pytest.StashKey[str]()
DIRECTORY = pytest.StashKey[Path]()
FAILED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the cluster, in the process that the user has started; others are told."""
    # Most brokers of tests run for a minute, of which Java's slow compiler took a third.
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
    told = getattr(config, "workerinput", None)  # in a process of pytest-xdist
    config.stash[KIND] = told["cluster"] if told else choose()
    directory = told["directory"] if told else tempfile.mkdtemp(prefix="thewall-tests-")
    config.stash[DIRECTORY] = Path(directory)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a process of pytest-xdist, before it starts, which cluster all of them share."""
    node.workerinput["cluster"] = node.config.stash[KIND]
    node.workerinput["directory"] = str(node.config.stash[DIRECTORY])


def pytest_report_header(config: pytest.Config) -> str:
    return f"integration tests run on {cluster_of(config).description}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, so that the last ones of a run side by side are short."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[FAILED] = exitstatus != 0


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the cluster when all processes are done; its logs stay if a test has failed."""
    if hasattr(config, "workerinput"):
        return
    cluster_of(config).stop()
    if not config.stash.get(FAILED, True) or not any(config.stash[DIRECTORY].iterdir()):
        shutil.rmtree(config.stash[DIRECTORY])


def cluster_of(config: pytest.Config) -> Cluster:
    return KINDS[config.stash[KIND]](config.stash[DIRECTORY])


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Cluster:
    """The broker and the registry that all tests share; `stack.addresses()` says where."""
    cluster = cluster_of(pytestconfig)
    cluster.start()
    return cluster
