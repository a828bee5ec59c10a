# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What has been seen and what is still to be told, in one table of DynamoDB (keys pk and sk, time to live "expires").

seen#ID             -                  an event (or a batch of them) that needs no second look
pending#CHANNEL     SINCE#RULE#ID      a piece of news that a channel has still to tell
told#CHANNEL        RULE               when a rule was told last
lease#CHANNEL       -                  who tells now: one at a time
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from .digest import Piece

SEEN_FOR = 7 * 86_400  # Lambda and CloudWatch Logs deliver again within hours
LEASE = 60  # longer than the function may run


class Store:
    """The table. Times are seconds since the epoch."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, piece: Piece, channels: Iterable[str], now: float) -> bool:
        """Keep the news for every channel, at once or not at all; False if it has been seen before."""
        seen = {"pk": {"S": f"seen#{piece['rule']}#{piece['id']}"}, "sk": {"S": "-"}}
        since = f"{int(now * 1000):013d}"
        # Without an end: what has not been told must not vanish.
        pending = [
            {
                "pk": {"S": f"pending#{channel}"},
                "sk": {"S": f"{since}#{piece['rule']}#{piece['id']}"},
                "since": {"N": str(now)},
                "piece": {"S": json.dumps(piece, ensure_ascii=False)},
            }
            for channel in channels
        ]
        first = {
            "TableName": self._table,
            "Item": {**seen, "expires": {"N": str(int(now) + SEEN_FOR)}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        writes = [{"Put": first}, *({"Put": {"TableName": self._table, "Item": item}} for item in pending)]
        try:
            self._dynamodb.transact_write_items(TransactItems=writes)
        except self._dynamodb.exceptions.TransactionCanceledException as error:
            reasons = [each.get("Code") for each in error.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" not in reasons:
                raise  # a conflict or a limit: Lambda delivers the event again
            return False
        return True

    def pending(self, channel: str) -> Iterator[tuple[str, float, Piece]]:
        """All news that the channel has still to tell, oldest first: key, known since, piece."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"pending#{channel}"}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield item["sk"]["S"], float(item["since"]["N"]), json.loads(item["piece"]["S"])

    def done(self, channel: str, keys: Iterable[str]) -> None:
        for key in keys:
            self._dynamodb.delete_item(TableName=self._table, Key={"pk": {"S": f"pending#{channel}"}, "sk": {"S": key}})

    def told(self, channel: str, rule: str, now: float) -> None:
        item = {"pk": {"S": f"told#{channel}"}, "sk": {"S": rule}, "at": {"N": str(now)}}
        self._dynamodb.put_item(TableName=self._table, Item={**item, "expires": {"N": str(int(now) + SEEN_FOR)}})

    def told_at(self, channel: str) -> dict[str, float]:
        """When each rule was told last."""
        answer = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"told#{channel}"}},
            ConsistentRead=True,
        )
        return {item["sk"]["S"]: float(item["at"]["N"]) for item in answer["Items"]}

    def take_lease(self, channel: str, owner: str, now: float) -> bool:
        """Become the only one who tells; False while somebody else is."""
        item = {"pk": {"S": f"lease#{channel}"}, "sk": {"S": "-"}, "owner": {"S": owner}}
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={**item, "until": {"N": str(now + LEASE)}, "expires": {"N": str(int(now) + SEEN_FOR)}},
                ConditionExpression="attribute_not_exists(pk) OR #until <= :now",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":now": {"N": str(now)}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def give_lease(self, channel: str, owner: str, until: float) -> None:
        """Let somebody else tell, from that moment on."""
        item = {"pk": {"S": f"lease#{channel}"}, "sk": {"S": "-"}, "owner": {"S": owner}}
        with contextlib.suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            # If it ended meanwhile, it is somebody else's.
            self._dynamodb.put_item(
                TableName=self._table,
                Item={**item, "until": {"N": str(until)}, "expires": {"N": str(int(until) + SEEN_FOR)}},
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )
