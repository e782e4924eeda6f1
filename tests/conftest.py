"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# On a busy machine an example may take any time; pytest's own timeout ends what hangs.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
