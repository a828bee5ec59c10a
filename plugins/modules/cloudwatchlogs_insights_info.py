#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatchlogs_insights_info
short_description: Run queries of CloudWatch Logs Insights and return their results
version_added: 0.1.0
description:
  - Runs several queries over one span of time at once, waits for them, and returns their rows.
  - AWS bills a query by the bytes that it scans. Before the first one is started, the sum is estimated from the
    metric C(IncomingBytes) of the log groups (or, where CloudWatch has no figures, from what they hold), and nothing is
    started if it is more than O(max_bytes).
  - A query that is malformed, fails or does not end in time does not hinder the others. The module then fails, names
    it, and returns what the others found.
options:
  log_group_names:
    description: The log groups that are asked, at most 50.
    type: list
    elements: str
    required: true
  queries:
    description: The queries.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A name for the result.
        type: str
        required: true
      query_string:
        description: The query, in the query language of CloudWatch Logs Insights.
        type: str
        required: true
      limit:
        description: The most rows to return. AWS allows 10000.
        type: int
        default: 10000
  hours:
    description: How many hours before O(end_time) the span begins, unless O(start_time) says so.
    type: float
    default: 24
  start_time:
    description: From when, for example V(2026-11-21T08:00:00Z). In UTC, if it names no offset.
    type: str
  end_time:
    description: Until when. Now, if it is not given.
    type: str
  max_bytes:
    description:
      - How many bytes all queries together may scan, by the estimate. The default is 10 GiB.
    type: int
    default: 10737418240
  timeout:
    description: After how many seconds queries that still run are stopped.
    type: int
    default: 300
attributes:
  check_mode:
    description: Changes nothing, and queries in check mode too.
    support: full
  diff_mode:
    description: Changes nothing, so that there is no difference to show.
    support: none
notes:
  - Needs the permissions C(logs:DescribeLogGroups), C(logs:StartQuery), C(logs:GetQueryResults), C(logs:StopQuery) and
    C(cloudwatch:GetMetricStatistics).
seealso:
  - module: rampart.ops.cloudwatchlogs_query_definitions
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Ask who was blocked since yesterday
  rampart.ops.cloudwatchlogs_insights_info:
    log_group_names: [aws-waf-logs-rampart]
    hours: 24
    queries:
      - name: addresses
        query_string: |
          filter action = "BLOCK"
          | stats count(*) as requests by httpRequest.clientIp
          | sort requests desc
          | limit 25
  register: blocked

- name: Show them
  ansible.builtin.debug:
    msg: "{{ item['httpRequest.clientIp'] }}: {{ item.requests }}"
  loop: "{{ blocked.queries[0].results }}"
"""

RETURN = r"""
queries:
  description: The queries in the order in which they were given.
  returned: when they were started
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      returned: always
      type: str
      sample: addresses
    query_string:
      description: The query.
      returned: always
      type: str
      sample: filter action = "BLOCK" | stats count(*) as requests by httpRequest.clientIp
    status:
      description: As AWS tells it, for example V(Complete), V(Failed), V(Timeout) or V(Cancelled).
      returned: always
      type: str
      sample: Complete
    error:
      description: What went wrong; empty if nothing did.
      returned: always
      type: str
      sample: ""
    results:
      description: The rows, each a dictionary of texts by the names of the fields. A field without a value is left out.
      returned: always
      type: list
      elements: dict
      sample: [{httpRequest.clientIp: 203.0.113.7, requests: "42"}]
    truncated:
      description: Whether there are as many rows as AWS returns at most, so that there may be more.
      returned: always
      type: bool
      sample: false
    statistics:
      description: The C(bytes_scanned), C(records_scanned) and C(records_matched).
      returned: always
      type: dict
      sample: {bytes_scanned: 5242880, records_scanned: 5000, records_matched: 42}
start_time:
  description: The begin of the span.
  returned: when queries were started
  type: str
  sample: "2026-11-20T08:00:00+00:00"
end_time:
  description: The end of the span.
  returned: when queries were started
  type: str
  sample: "2026-11-21T08:00:00+00:00"
estimated_bytes:
  description: How much all queries together were expected to scan.
  returned: when queries were started
  type: int
  sample: 41943040
bytes_scanned:
  description: How much they scanned.
  returned: when queries were started
  type: int
  sample: 41943040
"""

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.insights.api import Insights, Metrics
from ansible_collections.rampart.ops.plugins.module_utils.insights.model import (
    MAX_LOG_GROUPS,
    MAX_ROWS,
    Query,
    check_cost,
    check_log_group_name,
    span_of,
)
from ansible_collections.rampart.ops.plugins.module_utils.insights.runs import estimated_bytes, problems, run_all

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENT_SPEC = {
    "log_group_names": {"type": "list", "elements": "str", "required": True},
    "queries": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "query_string": {"type": "str", "required": True},
            "limit": {"type": "int", "default": MAX_ROWS},
        },
    },
    "hours": {"type": "float", "default": 24},
    "start_time": {"type": "str"},
    "end_time": {"type": "str"},
    "max_bytes": {"type": "int", "default": 10 * 2**30},
    "timeout": {"type": "int", "default": 300},
}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    queries = [Query(each["name"], each["query_string"], each["limit"]) for each in params["queries"]]
    groups = list(dict.fromkeys(params["log_group_names"]))
    for query in queries:
        query.check()
    for group in groups:
        check_log_group_name(group)
    if not 0 < len(groups) <= MAX_LOG_GROUPS or not queries:
        raise InvalidError(f"log_group_names and queries: name 1 to {MAX_LOG_GROUPS} log groups, and a query")
    span = span_of(params["hours"], params["start_time"], params["end_time"], datetime.now(timezone.utc))

    deadline = Deadline(params["timeout"])
    logs = Insights(module.client("logs", config=CLIENT_CONFIG), deadline)
    metrics = Metrics(module.client("cloudwatch", config=CLIENT_CONFIG), deadline)
    estimated = len(queries) * estimated_bytes(logs, metrics, groups, span)
    check_cost(estimated, params["max_bytes"], len(queries))
    runs = run_all(logs, queries, groups, span, deadline)
    told = [each.describe() for each in runs]
    result: dict[str, Any] = {
        "changed": False,
        "queries": told,
        "start_time": span.start.isoformat(),
        "end_time": span.end.isoformat(),
        "estimated_bytes": estimated,
        "bytes_scanned": sum(each["statistics"]["bytes_scanned"] for each in told),
    }
    wrong = problems(runs)
    if wrong:
        result.update(failed=True, msg=wrong)
    return result


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
