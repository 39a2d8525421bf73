"""What an emulator cannot be started with."""

from pathlib import Path
from typing import Any

import pytest

from asyncup.emulator import EmulatorConfig, User


@pytest.mark.parametrize(
    "settings",
    [
        {"users": ()},
        {"users": (User("a"), User("b"))},
        {"users": (User("a", id=1), User("a", id=2))},
        {"discard": True, "root": Path("x")},
        {"tokens": {"T": 99}},
        {"idp_tokens": {"T": 99}},
    ],
)
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        EmulatorConfig(**settings)


def test_secrets_are_not_shown() -> None:
    config = EmulatorConfig(token="S3", tokens={"S3": 1}, users=(User("a", "S3"),))
    assert "S3" not in repr(config)
    assert config.all_tokens() == {"S3": 1}
