"""Makes of a dashboard's queries and of files of metrics a test for `promtool test rules`.

    queries.py DASHBOARD FILE…

Each query must be understood, and give something for what the files hold together. Promtool's tests begin at the Unix time
0, which is as good as any: only whether there is an answer is asked.
"""

import json
import re
import sys

SAMPLE = re.compile(r"^([a-z_]+(?:\{.*\})?) (\S+)$")
VARIABLE = re.compile(r"\$\{?[a-z_]+\}?")


def series(path):
    for line in open(path, encoding="utf-8"):
        found = SAMPLE.match(line.rstrip("\n"))
        if found:
            yield {"series": found[1], "values": f"{found[2]}x10"}


def queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield VARIABLE.sub(".*", target["expr"])


def main():
    dashboard, *files = sys.argv[1:]
    with open(dashboard, encoding="utf-8") as text:
        asked = list(queries(json.load(text)))
    # One sample, whatever the query gave, and none where it gave nothing.
    tests = [
        {"expr": f"count({query}) > bool 0", "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": 1}]}
        for query in asked
    ]
    held = [one for file in files for one in series(file)]
    # YAML has all of JSON.
    json.dump({"tests": [{"interval": "1m", "input_series": held, "promql_expr_test": tests}]}, sys.stdout)
    print(f"{len(asked)} queries, {len(held)} series", file=sys.stderr)


main()
