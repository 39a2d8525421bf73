"""The Content-MD5 header: each form decodes to the digest, and the search for a form ends."""

import base64
import hashlib
from typing import get_args

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from asyncup.protocol.content_md5 import ContentMd5Form, ContentMd5Memory, ContentMd5Policy, header_value

POLICIES: tuple[ContentMd5Policy, ...] = get_args(ContentMd5Policy)
FIXED = tuple(policy for policy in POLICIES if policy != "auto")
ORDER = [ContentMd5Form.BASE64, ContentMd5Form.HEX, ContentMd5Form.OFF]


@given(st.binary())
def test_both_forms_say_the_same_digest(content: bytes) -> None:
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    in_base64 = header_value(digest, ContentMd5Form.BASE64)
    assert in_base64 is not None
    assert base64.b64decode(in_base64, validate=True) == digest
    assert header_value(digest, ContentMd5Form.HEX) == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert header_value(digest, ContentMd5Form.OFF) is None


@pytest.mark.parametrize("policy", FIXED)
def test_a_settled_policy_is_kept_whatever_vault_says(policy: ContentMd5Policy) -> None:
    memory = ContentMd5Memory()
    form = memory.form_for(policy)
    assert form.value == policy
    assert memory.refused(policy, form) is False
    memory.accepted(policy, form)
    assert memory.form_for(policy) is form
    assert memory.form_for("auto") is ContentMd5Form.BASE64


@pytest.mark.parametrize("taken", ORDER)
def test_auto_finds_the_form_that_a_vault_takes(taken: ContentMd5Form) -> None:
    memory = ContentMd5Memory()
    tried = []
    while (form := memory.form_for("auto")) is not taken:
        tried.append(form)
        assert memory.refused("auto", form) is True
    memory.accepted("auto", form)
    assert tried == ORDER[: ORDER.index(taken)]
    assert memory.refused("auto", taken) is False, "a form that was accepted is not doubted"
    assert memory.form_for("auto") is taken


def test_a_vault_that_takes_none_of_them_ends_the_search_and_the_next_begins_anew() -> None:
    # Refused without a header too: the header was not the reason, and must not be left out for ever.
    memory = ContentMd5Memory()
    assert [memory.refused("auto", memory.form_for("auto")) for _ in range(6)] == [True, True, False] * 2


class Lanes(RuleBasedStateMachine):
    """Several uploads with "auto" against one Vault that takes one set of forms, their answers in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = ContentMd5Memory()
        self.under_way: list[ContentMd5Form] = []
        self.seen = [ContentMd5Form.BASE64]

    @initialize(takes=st.sets(st.sampled_from([ContentMd5Form.BASE64, ContentMd5Form.HEX])))
    def vault(self, takes: set[ContentMd5Form]) -> None:
        self.takes = takes | {ContentMd5Form.OFF}

    @rule()
    def send(self) -> None:
        self.under_way.append(self.memory.form_for("auto"))

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        if not self.under_way:
            return
        form = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        if form in self.takes:
            self.memory.accepted("auto", form)
            assert self.memory.form_for("auto") is form, "what Vault takes is not left"
        elif self.memory.refused("auto", form):
            assert self.memory.form_for("auto") is not form, "the same form again would be refused again"

    @invariant()
    def forms_are_tried_in_their_order_and_not_again(self) -> None:
        form = self.memory.form_for("auto")
        if form is not self.seen[-1]:
            self.seen.append(form)
        assert self.seen == ORDER[: len(self.seen)]
        best = next((each for each in ORDER if each in getattr(self, "takes", ())), ContentMd5Form.BASE64)
        assert ORDER.index(form) <= ORDER.index(best), "a form that Vault takes was passed over"


test_lanes = Lanes.TestCase


def test_an_answer_that_comes_late_proves_nothing_of_another_form() -> None:
    memory = ContentMd5Memory()
    assert memory.refused("auto", ContentMd5Form.BASE64)
    memory.accepted("auto", ContentMd5Form.BASE64)
    assert memory.refused("auto", ContentMd5Form.HEX), "base64 was accepted, not hex"
    memory.accepted("off", ContentMd5Form.OFF)
    assert memory.form_for("auto") is ContentMd5Form.OFF
    assert not memory.refused("auto", ContentMd5Form.OFF)
    assert memory.form_for("auto") is ContentMd5Form.BASE64, "somebody's choice to send none proves nothing"


def test_a_form_that_others_proved_meanwhile_is_worth_a_try() -> None:
    memory = ContentMd5Memory()
    assert memory.refused("auto", ContentMd5Form.BASE64)
    memory.accepted("auto", ContentMd5Form.HEX)
    assert memory.refused("auto", ContentMd5Form.BASE64)
    assert memory.form_for("auto") is ContentMd5Form.HEX
    assert not memory.refused("auto", ContentMd5Form.HEX)


def test_a_refusal_of_a_form_that_others_left_is_worth_another_try() -> None:
    memory = ContentMd5Memory()
    assert memory.refused("auto", ContentMd5Form.BASE64)
    assert memory.refused("auto", ContentMd5Form.BASE64)
    assert memory.form_for("auto") is ContentMd5Form.HEX
