from __future__ import annotations

import pytest

from tests.house import NETWORKS, House


@pytest.fixture
def shell(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A shell in which this site is the one of the settings."""
    settings = house.site.settings
    environ = {
        **NETWORKS,
        "OPENPORTABILITY_BASE_URL": settings.base_url,
        "OPENPORTABILITY_DATA_DIR": str(settings.data_dir),
        "OPENPORTABILITY_DATABASE_URL": settings.database_url,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SUDO_USER", raising=False)
    return house
