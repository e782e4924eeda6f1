"""Addresses as people write them are taken, or refused in one sentence."""

from __future__ import annotations

import os

import pytest

from streams import addresses
from streams.settings import Settings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("127.0.0.1:9092", "127.0.0.1:9092"),
        (" a:1 , b:2,, ", "a:1,b:2"),
        ("PLAINTEXT://kafka:29092,plaintext://b:1/", "kafka:29092,b:1"),
        ("kafka-1.example", "kafka-1.example:9092"),
        ("[::1]:9093,[::1]", "[::1]:9093,[::1]:9092"),
        ("", ""),
    ],
)
def test_brokers_are_taken_as_people_and_brokers_write_them(written, meant):
    assert addresses.brokers(written) == meant


@pytest.mark.parametrize(
    "written",
    ["a b:1", "a:1 b:2", "a:1;b:2", "a:", ":9092", "a:0", "a:65536", "a:x", "::1", "::1:9092",
     "[::1", "u:p@a:1", "a:1/x", "SASL_SSL://a:1", "http://a:1", "a:b:1"],
)  # fmt: skip
def test_what_is_no_broker_is_refused_by_name(written):
    with pytest.raises(ValueError, match="is no broker's address") as refused:
        addresses.brokers(f"good:1,{written}")
    assert repr(written) in str(refused.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (" http://127.0.0.1:8081/apis/ccompat/v7/ ", "http://127.0.0.1:8081/apis/ccompat/v7"),
        ("localhost:8081", "http://localhost:8081"),
        ("https://a,https://b/,", "https://a,https://b"),
        ("http://[::1]:8081", "http://[::1]:8081"),
    ],
)
def test_the_registry_is_taken_with_a_slash_or_a_space_too_many(written, meant):
    assert addresses.registry(written) == meant


@pytest.mark.parametrize(
    "written", ["http://", "ftp://a", "http://a:x", "http://a b", "http://a?b"]
)
def test_what_is_no_registry_is_refused_by_name(written):
    with pytest.raises(ValueError, match="is no registry's address"):
        addresses.registry(written)


def test_a_host_is_a_name_or_an_ip_address_alone():
    for written, meant in {" 0.0.0.0 ": "0.0.0.0", "[::1]": "::1", "my_host": "my_host"}.items():
        assert addresses.host(written) == meant
    for wrong in ("", "http://a", "a:80", "a/b", "ä", "*"):
        with pytest.raises(ValueError, match="is no host"):
            addresses.host(wrong)


def test_every_interface_is_reached_by_loopback_and_an_ipv6_address_has_brackets():
    hosts = ("0.0.0.0", "::", "127.0.0.2", "a")
    reached = [addresses.shown_host(addresses.reachable_host(host)) for host in hosts]
    assert reached == ["127.0.0.1", "[::1]", "127.0.0.2", "a"]


def test_clients_of_loopback_learn_of_no_proxy_and_others_of_theirs(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "x")
    monkeypatch.delenv("no_proxy", raising=False)
    with addresses.asked_directly("http://127.0.0.2:1,http://localhost:2,http://[::1]:3"):
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "*"
    with addresses.asked_directly("http://127.0.0.1:1,http://registry.example"):
        assert "no_proxy" not in os.environ
    assert os.environ["NO_PROXY"] == "x"


def test_a_worker_that_listens_everywhere_announces_its_hosts_name_unless_told_another(monkeypatch):
    monkeypatch.setattr(addresses.socket, "gethostname", lambda: "winterfell")
    assert Settings(web_host="0.0.0.0").advertised_host == "winterfell"
    assert Settings(web_host="::").advertised_host == "winterfell"
    assert Settings(web_host="10.1.2.3").advertised_host == "10.1.2.3"
    assert Settings(web_host="0.0.0.0", web_advertised_host="wall").advertised_host == "wall"
