# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Pages as small as a test wants them, cut from what the whole list would be."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.model import OperationModel
from moto.core.utils import get_pagination_model

from lab.aws.errors import AwsError

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

_TOKENS = ("NextMarker", "NextToken", "nextToken", "Marker")
_LIMITS = ("Limit", "limit", "MaxResults", "maxResults", "MaxItems", "maxItems", "MaxRecords", "PageSize")
# AWS WAF answers a NextMarker with every page that holds anything, also with the last one
# (https://github.com/aws/aws-sdk/issues: "ListWebACLs returns NextMarker on the last page"); the page after is empty.
_MARKER_ON_EVERY_PAGE = {"wafv2"}
# How many items a page has if the caller does not say; here it is what a query can answer at most.
_DEFAULT_SIZE = 100
_DEFAULT_SIZES = {("logs", "GetQueryResults"): 10_000}


@dataclass(frozen=True)
class Paging:
    """How an operation pages: the names of its members."""

    input_token: str
    output_token: str
    result: str
    limit: str | None
    more: str | None
    size: int = _DEFAULT_SIZE


@functools.cache
def paging_of(service: str, operation_name: str, operation: OperationModel) -> Paging | None:
    """Read from botocore's paginators, else from the shapes (AWS WAF has no paginators)."""
    if operation.input_shape is None or operation.output_shape is None:
        return None
    try:
        named = get_pagination_model(service).get(operation_name)
    except Exception:  # a service without paginators
        named = None
    if named:
        result = named["result_key"]
        names = (named["input_token"], named["output_token"], result[0] if isinstance(result, list) else result)
        if all(isinstance(name, str) and name.isidentifier() for name in names):
            return Paging(names[0], names[1], names[2], named.get("limit_key"), named.get("more_results"))
        return None
    members, answers = operation.input_shape.members, operation.output_shape.members
    token = next((name for name in _TOKENS if name in members and name in answers), None)
    lists = [name for name, shape in answers.items() if shape.type_name == "list"]
    if token is None or len(lists) != 1:
        return None
    limit = next((name for name in _LIMITS if name in members), None)
    return Paging(token, token, lists[0], limit, None, _DEFAULT_SIZES.get((service, operation_name), _DEFAULT_SIZE))


def is_ours(call: Call, paging: Paging, wanted: bool) -> bool:
    """Whether the lab cuts the pages: when it is asked to, and where moto's own pages are not AWS's.

    moto does not page everything that AWS pages; a token that moto gave out must go back to moto.
    """
    if call.target.protocol == "rest-xml":
        return False
    token = call.params.get(paging.input_token)
    if token and not wanted and call.service not in _MARKER_ON_EVERY_PAGE:
        return _decoded(token) is not None
    return wanted or call.service in _MARKER_ON_EVERY_PAGE or bool(paging.limit and paging.limit in call.params)


def page(service: str, paging: Paging, params: Params, page_size: int, invoke: Callable[[Params], Params]) -> Params:
    """One page of at most page_size items (and of no more than the caller asked for)."""
    offset = _offset(service, params.get(paging.input_token))
    asked = params.get(paging.limit) if paging.limit else None
    size = min(page_size or asked or paging.size, asked or page_size or paging.size)
    whole = everything(paging, params, invoke)
    items = whole.get(paging.result) or []
    whole[paging.result] = items[offset : offset + size]
    whole.pop(paging.output_token, None)
    more = len(items) > offset + size
    if more or (service in _MARKER_ON_EVERY_PAGE and whole[paging.result]):
        whole[paging.output_token] = base64.urlsafe_b64encode(f"page:{offset + size}".encode()).decode()
    if paging.more:
        whole[paging.more] = more
    return whole


def everything(paging: Paging, params: Params, invoke: Callable[[Params], Params]) -> Params:
    """The whole list, however the operation itself pages."""
    rest = {name: value for name, value in params.items() if name not in (paging.input_token, paging.limit)}
    whole = answer = invoke(rest)
    while answer.get(paging.output_token):
        answer = invoke({**rest, paging.input_token: answer[paging.output_token]})
        whole[paging.result] = [*whole.get(paging.result, []), *answer.get(paging.result, [])]
    return whole


def _offset(service: str, token: str | None) -> int:
    if not token:
        return 0
    offset = _decoded(token)
    if offset is not None:
        return offset
    code = {"wafv2": "WAFInvalidParameterException", "backup": "InvalidParameterValueException"}.get(service)
    raise AwsError(code or "InvalidNextToken", "The pagination token is not valid.", 400)


def _decoded(token: str) -> int | None:
    try:
        word, number = base64.urlsafe_b64decode(token).decode().split(":")
        return int(number) if word == "page" else None
    except ValueError:
        return None
