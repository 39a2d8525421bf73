"""Events: frozen values, all of them in one union, each saying what it means."""

import dataclasses
import inspect
import pickle
from typing import get_args, get_type_hints

import pytest

from asyncup import events
from asyncup.events import BufferKind, Event, PartAcknowledged, Stage

KINDS = get_args(Event)


def test_the_union_holds_every_event_of_the_package() -> None:
    made_here = {
        value
        for _, value in inspect.getmembers(events, inspect.isclass)
        if value.__module__.startswith(f"{events.__name__}.") and dataclasses.is_dataclass(value)
    }
    assert set(KINDS) == made_here
    assert len(KINDS) > 10
    assert {kind.__name__ for kind in KINDS} | {"BufferKind", "Event", "EventHook", "Stage"} == set(events.__all__)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_a_small_frozen_value_with_a_docstring(kind: type) -> None:
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}("), "the dataclass's own docstring says nothing"
    assert "__slots__" in vars(kind)
    values = {"int": 1, "str": "a", "float": 0.5, "bool": True, "BufferKind": BufferKind.COPIED, "Stage": Stage.DISK}
    arguments = {}
    for field in dataclasses.fields(kind):
        assert isinstance(field.type, str)
        arguments[field.name] = values[field.type.partition(" |")[0]]
    event, twin = kind(**arguments), kind(**arguments)
    assert event == twin
    assert hash(event) == hash(twin)
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301 - our own
    for name in arguments:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, name, None)


@pytest.mark.parametrize("kind", KINDS)
def test_units_stand_in_the_names(kind: type) -> None:
    hints = get_type_hints(kind)
    for name, hint in hints.items():
        if hint is float:
            assert name.endswith("_s") or name == "seconds"


def test_progress_is_said_by_what_vault_confirmed() -> None:
    # Progress bars and journals read these by name.
    assert [field.name for field in dataclasses.fields(PartAcknowledged)] == [
        "path",
        "part",
        "length",
        "md5",
        "acknowledged",
    ]


@pytest.mark.parametrize("values", [Stage, BufferKind])
def test_closed_sets_have_words_of_their_own(values: type[Stage] | type[BufferKind]) -> None:
    words = [member.value for member in values]
    assert len(set(words)) == len(words) > 1
    assert all(isinstance(word, str) and word.islower() for word in words)
