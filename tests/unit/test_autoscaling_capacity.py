# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""How large a group is to be."""

from __future__ import annotations

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.autoscaling.capacity import Capacity, Wanted, plan
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError

WEB = {"web": Capacity("web", 2, 6, 3)}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted("web"), Capacity("web", 2, 6, 3)),
        (Wanted("web", min_size=4), Capacity("web", 4, 6, 4)),
        (Wanted("web", max_size=2), Capacity("web", 2, 2, 2)),
        (Wanted("web", desired_capacity=5), Capacity("web", 2, 6, 5)),
        (Wanted("web", 0, 0, 0), Capacity("web", 0, 0, 0)),
        (Wanted("web", 8, 12, 10), Capacity("web", 8, 12, 10)),
    ],
)
def test_what_is_not_asked_for_stays_within_the_bounds(wanted: Wanted, expected: Capacity) -> None:
    assert plan(WEB, [wanted]) == [expected]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([Wanted("shop")], "no Auto Scaling group shop"),
        ([Wanted("web"), Wanted("web", 1)], "named twice"),
        ([Wanted("web", desired_capacity=7)], "max_size 6 must not decrease"),
        ([Wanted("web", min_size=-1)], "min_size -1"),
        ([Wanted("web", min_size=7)], "min_size 7"),
    ],
)
def test_contradictions_are_refused(wanted: list[Wanted], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        plan(WEB, wanted)
