"""A wall's settings: mode, crews and material have to fit together."""

from __future__ import annotations

import pytest

from domain.errors import InvalidWall
from domain.settings import settings_for


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: settings_for(0), "1 to 1,000,000"),
        (lambda: settings_for(10**5000), "more than 20 digits"),
        (lambda: settings_for(True), "number of crews True"),
        (lambda: settings_for(material="gold"), "there is ice"),
        (lambda: settings_for(mode="crew-pool"), "needs a number of crews"),
        (lambda: settings_for(3, mode="crew-per-section"), "has no pool"),
        (lambda: settings_for(mode="magic"), "there is crew-per-profile"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_would_be_right(wrong, words):
    with pytest.raises(InvalidWall, match=words):
        wrong()
