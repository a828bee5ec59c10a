# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

DOCUMENTATION = r"""
name: aws_ec2
short_description: EC2 inventory source for large fleets and several accounts
version_added: 0.1.0
author:
  - The Rampart developers (@rampart-ops)
description:
  - Gets inventory hosts from Amazon EC2, from several accounts and regions at the same time.
  - It takes the place of the C(amazon.aws.aws_ec2) inventory plugin. The same file works with another C(plugin:) line
    and gives the same hosts, groups and variables, apart from the differences listed in the notes.
  - The inventory file is a YAML file and its name must end with C(aws_ec2.yml) or C(aws_ec2.yaml).
  - What cannot be read ends the run with an error that names the account and the region, whatever
    C(any_unparsed_is_failed) says, so that a fleet is never silently smaller than it is.
extends_documentation_fragment:
  - inventory_cache
  - constructed
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - amazon.aws.assume_role.plugins
requirements:
  - jmespath, for O(facts) with expressions and for the C(json_query) filter
notes:
  - "Differences to C(amazon.aws.aws_ec2), each with the option that brings the other behaviour back, if there is one:"
  - "Tags are in the variable C(ec2_tags). C(tags), a name that Ansible keeps for itself, is known to expressions only
    (O(legacy_tags))."
  - "C(placement.region) is the region that was asked, not the zone's name less a letter, which is wrong in local zones
    (O(region_from))."
  - "Instances of one name become hosts of their own (O(duplicate_hostnames))."
  - "Only running instances are hosts, unless a filter speaks of C(instance-state-name) (O(instance_states))."
  - "A value in O(hostnames) goes into its Jinja filter as a variable, never as a part of the template. There is no
    option for the other behaviour, by which whoever may tag an instance runs commands on the controller."
  - "An instance without the value of a preference with a Jinja filter takes the next preference; it is not called
    C(None) (O(missing_hostnames))."
  - "The value of a C(tag:Key=Value) hostname may contain an equals sign."
  - "A region that is skipped for want of permission (O(strict_permissions)) is named in a warning."
  - "Route 53 is asked once for each account, not once for each region, and like everything else it is cached."
  - "From the cache, times are times as they are from the API, not text."
  - "With ansible-core before 2.19 all variables are marked as unsafe, as newer versions do by themselves."
options:
  regions:
    description:
      - The regions to ask.
      - If empty, all regions that the account has enabled are asked.
    type: list
    elements: str
    default: []
  accounts:
    description:
      - Accounts to ask, each with credentials of its own. If empty, one account is asked, by the credentials of the
        options outside of this list.
      - What an account does not say is taken from the options of the same names outside of this list. Credentials are
        taken from there only together, and so is the role.
      - Hosts get the name of their account in the variable C(account_name).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the account in messages and in the variable C(account_name).
        type: str
        required: true
      profile:
        description: A named profile of the AWS configuration.
        type: str
      access_key:
        description: An access key id.
        type: str
      secret_key:
        description: The secret access key.
        type: str
      session_token:
        description: The session token of temporary credentials.
        type: str
      assume_role_arn:
        description:
          - The role to assume, with the credentials of this account or, if it has none, of the options outside.
        type: str
      external_id:
        description: The external id that the role asks for.
        type: str
      regions:
        description: The regions to ask for this account.
        type: list
        elements: str
      endpoint_url:
        description: The URL to ask instead of AWS's own.
        type: str
  on_error:
    description:
      - What to do when an account or a region cannot be read.
      - With V(warn) it is named in a warning and the others make up the inventory, which is then not cached. When none
        can be read it is an error all the same.
    type: str
    choices: [fail, warn]
    default: fail
  concurrency:
    description: How many requests may be on their way at the same time.
    type: int
    default: 16
  page_size:
    description: How many instances EC2 sends in one answer, 5 to 1000.
    type: int
    default: 1000
  aws_config:
    description:
      - Settings of botocore, as in the modules of amazon.aws.
      - By default a connection may take 10 seconds, an answer 60, and a request is sent at most four times.
    type: dict
  facts:
    description:
      - The variables that hosts carry. If empty, they carry everything that EC2 says of an instance.
      - An element is the name of a variable, or a dictionary of names and JMESPath expressions over the variables.
      - O(hostnames), O(compose), O(groups) and O(keyed_groups) see all variables all the same.
      - Names of variables get O(hostvars_prefix) and O(hostvars_suffix), names in dictionaries do not.
    type: list
    elements: raw
    default: []
  hostnames:
    description:
      - Names of hosts in the order of preference.
      - An element is the name of a filter of DescribeInstances, such as V(private-ip-address), for its value.
      - V(tag:Name) stands for the value of a tag, V(tag:Name=Value) for V(Name_Value) where the tag has that value.
      - Anything else is a name by itself.
      - Jinja filters may follow after a C(|).
      - An element may also be a dictionary, as below.
      - By default the public DNS name, else the private one.
    type: list
    elements: raw
    default: []
    suboptions:
      name:
        description: The name, as above.
        type: str
        required: true
      prefix:
        description: What comes before the name, as above.
        type: str
        default: ''
      separator:
        description: What stands between O(hostnames[].prefix) and O(hostnames[].name).
        type: str
        default: _
  allow_duplicated_hosts:
    description: Add an instance once under each of its names, not under the first one only.
    type: bool
    default: false
  duplicate_hostnames:
    description:
      - What becomes of instances that have the same name.
      - With V(separate) the instance id is added to it, and a warning tells so. With V(merge) they become one host,
        which has the variables of the last one.
    type: str
    choices: [separate, merge]
    default: separate
  missing_hostnames:
    description:
      - What an instance is called that lacks the value of a preference with a Jinja filter.
      - With V(next) the next preference decides. With V(none) the filter gets the text V(None), as with
        amazon.aws.aws_ec2, which gives all such instances one name.
    type: str
    choices: [next, none]
    default: next
  filters:
    description:
      - Filters of DescribeInstances and their values. Filters are applied by EC2.
    type: dict
    default: {}
  include_filters:
    description:
      - A list of O(filters). Instances that match one of its elements, or O(filters), are included.
      - Each element is a sweep of its own in each region.
    type: list
    elements: dict
    default: []
  exclude_filters:
    description:
      - A list of O(filters). Instances that match one of its elements are left out.
      - Each element is a sweep of its own in each region.
    type: list
    elements: dict
    default: []
  instance_states:
    description:
      - The states of the instances that are hosts, where no filter speaks of C(instance-state-name).
      - amazon.aws.aws_ec2 takes V(running), V(pending), V(stopping) and V(stopped).
    type: list
    elements: str
    choices: [pending, running, shutting-down, terminated, stopping, stopped]
    default: [running]
  strict_permissions:
    description: Fail when a permission is missing. With V(false) what is forbidden is left out, with a warning.
    type: bool
    default: true
  legacy_tags:
    description:
      - Give hosts the variable C(tags) too, the name of C(ec2_tags) in amazon.aws.aws_ec2. Ansible keeps C(tags) for
        itself and warns of it.
    type: bool
    default: false
  region_from:
    description:
      - Where C(placement.region) comes from, the request (V(api)) or the zone's name (V(zone)).
    type: str
    choices: [api, zone]
    default: api
  use_contrib_script_compatible_sanitization:
    description:
      - Keep dashes in the names of groups, as the old inventory script did.
      - The setting C(TRANSFORM_INVALID_GROUP_CHARS) has to be turned off for that as well.
    type: bool
    default: false
  use_contrib_script_compatible_ec2_tag_keys:
    description: Also give hosts each of their tags in a variable C(ec2_tag_TAGNAME), as the old inventory script did.
    type: bool
    default: false
  hostvars_prefix:
    description: What the names of variables from EC2 begin with.
    type: str
  hostvars_suffix:
    description: What the names of variables from EC2 end with.
    type: str
  use_ssm_inventory:
    description: Add what AWS Systems Manager's inventory knows of an instance, in the variable C(ssm_inventory).
    type: bool
    default: false
  route53_enabled:
    description: Use the names of Route 53 records that point to an instance as its names.
    type: bool
    default: false
  route53_hostnames:
    description: Only use names of Route 53 that end with one of these.
    type: list
    elements: str
    default: []
  route53_excluded_zones:
    description: Zones of Route 53 to leave out.
    type: list
    elements: str
    default: []
  cache_stale_if_error:
    description:
      - For how many seconds after O(cache_timeout) the cached inventory serves when EC2 cannot be read. A warning tells
        so. V(0) never uses it.
    type: int
    default: 0
seealso:
  - plugin: amazon.aws.aws_ec2
    plugin_type: inventory
"""

EXAMPLES = r"""
# All running instances of one region, grouped by their Role tag.
plugin: rampart.ops.aws_ec2
regions: [eu-central-1]
hostnames: [tag:Name, instance-id]
keyed_groups:
  - key: ec2_tags.Role
    prefix: role
compose:
  ansible_host: private_ip_address

---
# Two accounts, and hosts that carry what is used and no more.
plugin: rampart.ops.aws_ec2
regions: [eu-central-1, us-east-1]
accounts:
  - name: production
    assume_role_arn: arn:aws:iam::111122223333:role/inventory
  - name: staging
    profile: staging
    regions: [eu-central-1]
facts:
  - instance_id
  - private_ip_address
  - zone: placement.availability_zone
    volumes: block_device_mappings[].ebs.volume_id
keyed_groups:
  - key: account_name
    prefix: account

---
# Shared by the jobs of one controller: one of them asks EC2, at most every five minutes. While EC2 cannot be asked,
# they go on for up to an hour with what is known.
plugin: rampart.ops.aws_ec2
regions: [eu-central-1]
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ansible-ec2
cache_timeout: 300
cache_stale_if_error: 3600

---
# Exactly what amazon.aws.aws_ec2 gives, and ec2_tags.
plugin: rampart.ops.aws_ec2
regions: [eu-central-1]
instance_states: [running, pending, stopping, stopped]
duplicate_hostnames: merge
missing_hostnames: none
legacy_tags: true
region_from: zone
"""

import gc
import re
import traceback
from typing import Any, NoReturn

from ansible.errors import AnsibleError
from ansible_collections.amazon.aws.plugins.plugin_utils.inventory import AWSInventoryBase
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.cache import Answers
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.facts import Facts
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.gather import Gatherer
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.hostnames import Hostnames, Instance
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.populate import Populator
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.troubles import Trouble

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19
    trust_as_template = None

PLUGIN_LINE = re.compile(r"""^[\s{]*["']?plugin["']?\s*:\s*["']?([\w.]+)""", re.MULTILINE)
PARSER_ERROR = 4  # what Ansible itself ends with when an inventory is wrong


class TemplatedOptions(AWSInventoryBase.TemplatedOptions):  # type: ignore[misc]
    """The options that may be templates, without the parameter that ansible-core 2.19 warns of."""

    def get(self, *args: Any) -> Any:
        value = self.original_options.get(*args)
        if not value or not self.templar or args[0] not in self.TEMPLATABLE_OPTIONS or trust_as_template is None:
            return super().get(*args)
        return self.templar.template(value)


class InventoryModule(AWSInventoryBase):  # type: ignore[misc]
    """Reads the options, has EC2 asked, and hands what it said to Ansible."""

    NAME = "rampart.ops.aws_ec2"
    INVENTORY_FILE_SUFFIXES = ("aws_ec2.yml", "aws_ec2.yaml")
    TemplatedOptions = TemplatedOptions
    _named = False  # whether the file says that it is ours

    def verify_file(self, path: str) -> bool:
        """Whether the file is for this plugin. A file for another one is declined without a word."""
        if not super().verify_file(path):
            return False
        with open(path, encoding="utf-8", errors="replace") as file:
            named = PLUGIN_LINE.search(file.read())
        self._named = named is not None
        return named is None or named[1] in (getattr(self, "_redirected_names", None) or [self.NAME])

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        # What is built here stays, millions of objects: looking for garbage among them, again and again while they
        # become more, takes as long as building them; and every worker that Ansible forks would copy them by looking.
        # A second inventory in this process (refresh_inventory) gives back the first one's.
        collecting = gc.isenabled()
        gc.disable()
        gc.unfreeze()
        try:
            super().parse(inventory, loader, path, cache)
            self._build(path, cache)
        except (AnsibleError, Trouble, ValueError) as error:
            self._refuse(f"{path}: {error}")
        except Exception as error:
            self.display.vvv(traceback.format_exc())
            self._refuse(f"{path}: {type(error).__name__}: {error}. Run with -vvv for the traceback.")
        finally:
            gc.freeze()
            if collecting:
                gc.enable()

    def _refuse(self, message: str) -> NoReturn:
        if not self._named:  # an encrypted file, say, which may be another plugin's
            raise AnsibleError(message)
        # Ansible turns an exception of an inventory plugin into a warning, lets the other plugins guess at the file and
        # goes on with an empty inventory and exit code 0. It does not catch this one.
        self.display.error(f"{self.NAME}: {' '.join(message.split())}", wrap_text=False)
        raise SystemExit(PARSER_ERROR)

    def _set_frozen_credentials(self) -> None:
        """Roles are assumed when EC2 is asked, not before the cache was."""

    @property
    def extra_vars(self) -> dict[str, Any]:
        return self._vars or {}

    def _build(self, path: str, cache: bool) -> None:
        if self.get_option("use_contrib_script_compatible_sanitization"):
            self._sanitize_group_name = lambda name: re.sub(r"[^A-Za-z0-9_\-]", "_", name)
        populator = Populator(self)
        answers = Answers()

        def route53_names(instance: Instance) -> list[str]:
            found: list[str] = populator.route53_names(instance, answers.records)
            return found

        hostnames = Hostnames(
            self.get_option("hostnames"),
            self._sanitize_group_name,
            populator.filtered,
            self.get_option("allow_duplicated_hosts"),
            route53_names if self.get_option("route53_enabled") else None,
            self.get_option("missing_hostnames") == "none",
        )
        facts = Facts(self.get_option("facts"), populator.renamed) if self.get_option("facts") else None
        fleet, answers = Gatherer(self, path).gather(cache, populator.wanted(hostnames, facts))
        populator.populate(path, fleet.instances(), hostnames, facts, answers.ssm)
