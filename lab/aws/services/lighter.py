# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""moto made lighter for many accounts: what every account has alike is made once.

An account would cost 5 MB and 0.1 s for its copy of AWS's 1,500 managed policies. (Its 1,300 machine images would cost
three times that; images.json holds the few that the lab has instead.)
"""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

from moto.iam import models as moto_iam


@functools.cache
def _managed_policies(partition: str) -> list[Any]:
    data = json.loads(moto_iam.aws_managed_policies_data)
    return [moto_iam.AWSManagedPolicy.from_data(name, "aws", partition, document) for name, document in data.items()]


def _init_aws_policies(self: Any) -> list[Any]:
    made = []
    for prototype in _managed_policies(self.region_name):
        policy = copy.copy(prototype)  # the documents and versions are shared: nobody can change them
        policy.account_id = self.account_id
        policy.tags = {}
        made.append(policy)
    return made


moto_iam.IAMBackend._init_aws_policies = _init_aws_policies
