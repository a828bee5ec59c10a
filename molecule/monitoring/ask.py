"""Ask the Prometheus of this host until each expression has an answer: ask.py SECONDS < EXPRESSIONS > ANSWERS

EXPRESSIONS is a JSON list of {"expr": ...}. Each gets "instant", what it is now; and, with "minutes", "range", what
it was for as long. An expression that has no answer, or is refused, until the seconds are over, has "problem".
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PROMETHEUS = "http://127.0.0.1:9090/api/v1/"
POINTS = 120


def ask(kind, **parameters):
    url = f"{PROMETHEUS}{kind}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 # it is PROMETHEUS
            return json.load(answer)["data"]["result"], ""
    except urllib.error.HTTPError as error:
        return [], error.read().decode()
    except OSError as error:
        return [], str(error)


def main():
    expressions = json.load(sys.stdin)
    end = time.monotonic() + float(sys.argv[1])
    waiting = expressions
    while waiting:
        for expression in waiting:
            expression["instant"], problem = ask("query", query=expression["expr"])
            expression["problem"] = problem or ("" if expression["instant"] else "no data")
        waiting = [expression for expression in waiting if expression["problem"]]
        if time.monotonic() > end:
            break
        time.sleep(1 if waiting else 0)
    now = time.time()
    for expression in expressions:
        if "minutes" in expression:
            seconds = expression["minutes"] * 60
            expression["range"], _ = ask(
                "query_range", query=expression["expr"], start=now - seconds, end=now, step=seconds / POINTS
            )
    json.dump(expressions, sys.stdout)


main()
