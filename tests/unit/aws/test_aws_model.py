# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Tags, as all AWS services have them."""

from __future__ import annotations

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import (
    InvalidError,
    TagChange,
    check_tags,
    some,
    tag_change,
)
from hypothesis import given
from hypothesis import strategies as st

TAGS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xyz"))


@given(TAGS, TAGS)
def test_the_change_leads_to_the_wanted_tags(held: dict[str, str], wanted: dict[str, str]) -> None:
    assert tag_change(held, wanted, purge=True).applied(held) == wanted
    assert tag_change(held, wanted, purge=False).applied(held) == {**held, **wanted}
    assert tag_change(wanted, wanted, purge=True) == TagChange()


def test_tags_of_aws_and_tags_nobody_asked_for_stay() -> None:
    assert tag_change({"aws:backup:source": "x"}, {}, purge=True) == TagChange()
    assert tag_change({"a": "x"}, None, purge=True) == TagChange()


def test_tags_that_aws_refuses() -> None:
    with pytest.raises(InvalidError, match="51 tags, AWS allows 50"):
        check_tags({str(n): "" for n in range(51)})
    with pytest.raises(InvalidError, match="AWS:x: the prefix aws: is reserved"):
        check_tags({"AWS:x": "y"})
    check_tags(None)


def test_some() -> None:
    assert some("abc", 2) == "a, b and 1 more"
