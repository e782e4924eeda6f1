"""What the page offers to choose from."""

from __future__ import annotations

from domain.materials import MATERIALS
from domain.modes import modes
from streams.web.rules import rules


async def test_another_mode_or_material_is_another_choice_on_the_page():
    offered = await rules()
    assert {one.mode for one in offered.modes} == set(modes())
    assert {one.material for one in offered.materials} == set(MATERIALS)


async def test_only_a_pool_asks_for_crews():
    assert [one.mode for one in (await rules()).modes if one.needs_crews] == ["crew-pool"]
