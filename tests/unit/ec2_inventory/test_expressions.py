# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""A compiled expression gives what Ansible's templating gives, or says that it does not know."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.expressions import (
    Missing,
    Undecided,
    compiled,
    names,
)
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def templar() -> Templar:
    init_plugin_loader([])
    return Templar(loader=DataLoader())


def by_ansible(templar: Templar, expression: str, variables: dict[str, Any]) -> Any:
    """The value, or the exception that Ansible makes of it."""
    templar.available_variables = variables
    try:
        return templar.evaluate_expression(trust_as_template(expression))
    except Exception as error:
        return error


def plain(value: Any) -> Any:
    """A value without the tags that Ansible puts on it, with its type."""
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    native = value._native_copy() if hasattr(value, "_native_copy") else value
    return (type(native), native)


def assert_same(templar: Templar, expression: str, variables: dict[str, Any]) -> bool:
    """Compare; whether there was something to compare."""
    try:
        ours = compiled(expression, builtin=lambda name: True)(variables)
    except Undecided:
        return False
    except Missing:
        assert isinstance(by_ansible(templar, expression, variables), Exception), expression
        return True
    theirs = by_ansible(templar, expression, variables)
    assert not isinstance(theirs, Exception), (expression, variables, theirs)
    assert plain(ours) == plain(theirs), (expression, variables)
    return True


TEXTS = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["web", "{{ 7 * 7 }}", "{% if %}", "{#", "True", "[1]", "a b", "", "0", "Web-1", "null"]),
)
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(-3, 300), st.floats(allow_nan=False), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(["a", "b", "items", "Role", "a b"]), TEXTS), inner, max_size=3),
    ),
    max_leaves=6,
)
VARIABLES = st.dictionaries(st.sampled_from(["tags", "a", "state", "items", "x"]), VALUES, max_size=4)

ATOMS = st.sampled_from(
    ["tags", "a", "state", "x", "nowhere", "items", "'web'", "''", "1", "0", "true", "none", "1.5", "[a, 'x']", "[]"]
)


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or", "~", "+"]
    suffixes = [
        ".a", ".Role", ".items", "['a b']", "['Role']", "[0]", "[-1]", "[5]", "._x", ".upper",
        " | default('d')", " | d('d', true)", " | default", " | lower", " | upper", " | replace('e', 'E')",
        " | regex_replace('[a-z]', '-')", " | json_query('a')", " | json_query('[].a')", " is defined",
        " is undefined", " is none", " | length",
    ]  # fmt: skip
    return st.one_of(
        st.tuples(inner, st.sampled_from(suffixes)).map(lambda parts: f"({parts[0]}){parts[1]}"),
        st.tuples(inner, st.sampled_from(operators), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        inner.map(lambda one: f"(not {one})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
    )


COMPARED: list[bool] = []


@settings(max_examples=700, deadline=None)
@given(expression=st.recursive(ATOMS, grow, max_leaves=5), variables=VARIABLES)
def test_any_expression_over_any_variables(templar: Templar, expression: str, variables: dict[str, Any]) -> None:
    COMPARED.append(assert_same(templar, expression, variables))


def test_there_was_much_to_compare() -> None:
    assert sum(COMPARED) > len(COMPARED) / 4


INSTANCE = {
    "tags": {"Name": "web-1", "Role": "web", "a b": "{{ 7 * 7 }}", "items": "x"},
    "state": {"name": "running", "code": 16},
    "security_groups": [{"group_id": "sg-1"}, {"group_id": "sg-2"}],
    "private_ip_address": "10.0.0.1",
}


@pytest.mark.parametrize(
    "expression",
    [
        "tags",
        "tags.Role",
        "tags['a b']",
        "tags.Role | default('none')",
        "tags.Nowhere.Deeper | default('none')",
        "tags.Nowhere",
        "'Role' in tags",
        "tags.Role == 'web' and state.code == 16",
        "tags.Role in ['web', 'app']",
        "tags.Name ~ '-' ~ state.code",
        "'http://' + private_ip_address",
        "security_groups | json_query('[].group_id')",
        "security_groups[0].group_id",
        "tags.Name | upper | replace('WEB', 'APP')",
        "tags.Name | regex_replace('[^a-z]', '')",
        "'a' if tags.Role is defined else 'b'",
        "not tags.Nowhere is defined",
    ],
)
def test_what_configurations_use_is_compiled(templar: Templar, expression: str) -> None:
    assert assert_same(templar, expression, INSTANCE)


@pytest.mark.parametrize(
    "expression",
    [
        "tags.items",
        "tags['keys']",
        "tags._private",
        "tags | dict2items",
        "lookup('env', 'HOME')",
        "range(3)",
        "hostvars",
        "omit",
        "group_names",
        "inventory_hostname",
        "'{{ x }}'",
        "'a\\\\b'",
        "tags.get('Name')",
        "tags.Role is match('w')",
        "tags.Role[0:1]",
        "tags.Role if true",
        "1 < 2 < 3",
        "tags.Role |",
        "",
        "a b",
        "{{ tags }}",
    ],
)
def test_what_is_not_beyond_doubt_is_left_to_ansible(expression: str) -> None:
    with pytest.raises(Undecided):
        compiled(expression, builtin=lambda name: True)


def test_names_that_only_the_engine_knows_and_filters_of_the_users_own() -> None:
    with pytest.raises(Undecided):
        compiled("site ~ 'x'", engine_only=frozenset({"site"}))
    with pytest.raises(Undecided):
        compiled("tags | default('x')", builtin=lambda name: False)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("tags.Role", {"tags"}),
        ("a if b else c | default(d)", {"a", "b", "c", "d"}),
        ("tags", {"tags"}),
        ("x | map(attribute='tags') | list", {"x"}),
        ("vars['tags']", None),
        ("lookup('vars', 'tags')", None),
        ("{{ nonsense", None),
    ],
)
def test_the_variables_that_an_expression_uses(expression: str, found: set[str] | None) -> None:
    assert names(expression) == found
