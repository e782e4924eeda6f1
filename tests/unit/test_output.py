"""The order in which messages are sent, whatever the phases they come in."""

from __future__ import annotations

import asyncio

from streams.batching import Message, Messages, Output


async def test_no_phase_overtakes_the_same_phase_of_a_delivery_before(monkeypatch):
    sent: list[bytes | None] = []
    monkeypatch.setattr(
        Output,
        "_send_round",
        lambda _, columns: sent.extend(key for c in columns for key in c.keys),
    )
    monkeypatch.setattr("streams.batching.output.Producer", lambda *_, **__: None)

    def one(name: str) -> Messages:
        return Messages(Message("t", name.encode(), b""))

    async with Output("none") as output:
        await asyncio.gather(
            output.send(one("a1"), one("a2"), one("a3")),
            output.send(Messages(), one("b2"), one("b3")),
            output.send(Messages(), Messages(), one("c3")),
        )
    assert [key for key in sent if key.endswith(b"2")] == [b"a2", b"b2"]
    assert [key for key in sent if key.endswith(b"3")] == [b"a3", b"b3", b"c3"]
