"""What scripts/check-reports does once its readers are there. The shell script has the usage."""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

COUNTS = ["tests", "failures", "errors", "skipped"]
STAGES = ["pod", "token", "login", "read", "keys", "boundary"]
CHILD = {
    "conformant": "passed",
    "known-deviation": "skipped",
    "nonconformant": "failure",
    "inconclusive": "error",
    "skipped": "skipped",
}
# What several cases as one come to; one that was not reached says nothing beside one that was looked at.
WORSE = ["skipped", "conformant", "known-deviation", "inconclusive", "nonconformant"]


class Differences(list):
    def equal(self, what, one, other):
        if one != other:
            self.append(f"{what}: {one!r}, and should be {other!r}")

    def true(self, what, holds):
        if not holds:
            self.append(what)


def outcome(scenario, verdict):
    """What a case of JUnit has; what is known fails nothing."""
    known = verdict == "nonconformant" and "known" in scenario
    return "skipped" if known else CHILD[verdict]


def cases(scenario, detail):
    """By name: the outcome of each case that JUnit must have of a scenario."""
    if detail == "scenario":
        return {scenario["id"]: outcome(scenario, scenario["verdict"])}
    found = {f"stage {case['stage']}": case["verdict"] for case in scenario["stages"]}
    for case in scenario["keys"]:
        if detail == "key":
            found[f"key {case['name']}"] = case["verdict"]
        else:
            found["stage keys"] = max(found.get("stage keys", "skipped"), case["verdict"], key=WORSE.index)
    for kind in ("command", "step", "check"):
        found.update({f"{kind} {case['id']}": case["verdict"] for case in scenario[f"{kind}s"]})
    return {f"{scenario['id']}: {name}": outcome(scenario, verdict) for name, verdict in found.items()}


def suites_of(report, detail):
    """Of each suite that JUnit must have of a run: its name, and its cases."""
    suites = [(scenario["id"], cases(scenario, detail)) for scenario in report["scenarios"]]
    if report["outside-scenarios"] is not None:
        suites.append(("run", {"run: complete": "error"}))
    return suites


def counted(outcomes):
    count = Counter(outcomes)
    return {"tests": sum(count.values()), "failures": count["failure"], "errors": count["error"], "skipped": count["skipped"]}


def check_shape(root, differences):
    """The dialect: order, counts, identities, at most one outcome, times."""
    differences.equal("the root", (root.tag, root.attrib), ("testsuites", {}))
    identities = set()
    for suite in root:
        name = suite.get("name")
        tags = Counter(child.tag for child in suite)
        order = ["properties", *["testcase"] * tags["testcase"], "system-out", "system-err"]
        right = [child.tag for child in suite] == order
        differences.true(f"{name}: its children are not in order, or not all there: {dict(tags)}", right)
        differences.true(f"{name}: timestamp", re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}", suite.get("timestamp", "")))
        for total, here in counted(of_element(case) for case in suite.iter("testcase")).items():
            differences.equal(f"{name}: {total}", int(suite.get(total, -1)), here)
        for case in suite.iter("testcase"):
            identity = (case.get("classname"), case.get("name"))
            differences.true(f"{identity} occurs twice", identity not in identities)
            identities.add(identity)
            differences.true(f"{identity} is not ASCII or too long", identity[1].isascii() and len(identity[1]) <= 512)
            differences.true(f"{identity}: time", re.fullmatch(r"\d+\.\d{3}", case.get("time", "")))
            differences.true(f"{identity}: more than one outcome", len(case) <= 1)
            for child in case:
                message = child.get("message", "")
                differences.true(f"{identity}: no message", message)
                differences.true(f"{identity}: no type", child.get("type"))
                differences.true(f"{identity}: the text lacks the message", message in (child.text or ""))


def of_element(case):
    return next((child.tag for child in case), "passed")


def check_report(report, differences):
    """What JSON says of itself, and that no scenario lacks a case that another one has."""
    for verdict in CHILD:
        of_scenarios = [scenario["verdict"] for scenario in report["scenarios"]].count(verdict)
        differences.equal(f"the JSON summary of {verdict}", report["summary"]["scenarios"][verdict], of_scenarios)
    keys = None
    for scenario in report["scenarios"]:
        # A self-test and a check of one's own cluster have checks; only scenarios have the whole way.
        if report["run"]["profile"] not in ("self-test", "existing"):
            names = [key["name"] for key in scenario["keys"]]
            keys = keys or names
            lacks = f"{scenario['id']} lacks a case for a key that another scenario has"
            differences.true(lacks, names == keys and names)
            stages = [stage["stage"] for stage in scenario["stages"]]
            differences.true(f"{scenario['id']} lacks a stage", stages == STAGES)


def check_agreement(root, expected, differences):
    """`expected`: of each suite its name, or nothing where any will do, and its cases."""
    differences.equal("suites", len(root), len(expected))
    for suite, (name, of_json) in zip(root, expected):
        differences.equal("a suite's name", suite.get("name"), name or suite.get("name"))
        name = suite.get("name")
        of_junit = {case.get("name"): of_element(case) for case in suite.iter("testcase")}
        differences.equal(f"{name}: cases", sorted(of_junit.items()), sorted(of_json.items()))
        for case in suite.iter("testcase"):
            differences.equal(f"{name}: class of {case.get('name')}", case.get("classname"), f"pmp-vault.{name}")


def check_readers(path, root, readers, differences):
    """What dashboards' own parsers make of the same file: of each case its suite, its name and what came of it."""
    ours = [(suite.get("name"), case.get("name"), of_element(case)) for suite in root for case in suite.iter("testcase")]
    totals = counted(outcome for _, _, outcome in ours)

    from lxml import etree

    strict = etree.XMLParser(recover=False, resolve_entities=False, no_network=True)
    differences.equal("elements by lxml", len(list(etree.parse(str(path), strict).iter())), len(list(root.iter())))

    import junitparser

    parsed = junitparser.JUnitXml.fromfile(str(path))
    words = {junitparser.Failure: "failure", junitparser.Error: "error", junitparser.Skipped: "skipped"}
    of = [(suite.name, case.name, words[type(case.result[0])] if case.result else "passed") for suite in parsed for case in suite]
    differences.equal("cases by junitparser", sorted(of), sorted(ours))
    parsed.update_statistics()
    differences.equal("counts by junitparser", {total: getattr(parsed, total) for total in COUNTS}, totals)

    code = Path(__file__).with_name("read.mjs")
    said = json.loads(subprocess.run(["node", code, readers, path], check=True, capture_output=True, text=True).stdout)
    differences.equal("cases by junit2json", sorted(map(tuple, said["junit2json"])), sorted(ours))
    said = said["test-results-parser"]
    words = {"passed": "PASS", "failure": "FAIL", "error": "FAIL", "skipped": "SKIP"}
    of = [(suite, case, words[outcome]) for suite, case, outcome in ours]
    differences.equal("cases by test-results-parser", sorted(map(tuple, said["cases"])), sorted(of))
    # Its total leaves out what was skipped.
    ran = totals["tests"] - totals["skipped"]
    passed = ran - totals["failures"] - totals["errors"]
    wanted = {"total": ran, "passed": passed, "failed": totals["failures"], "errors": totals["errors"], "skipped": totals["skipped"]}
    differences.equal("counts by test-results-parser", said["totals"], wanted)

    words = {"passed": "passed", "failure": "failed", "error": "broken", "skipped": "skipped"}
    of = [(suite, case, words[outcome]) for suite, case, outcome in ours]
    differences.equal("cases by Allure", sorted(by_allure(path, readers)), sorted(of))
    print("read with the standard library, lxml, junitparser, junit2json, test-results-parser, Allure")


def by_allure(path, readers):
    with tempfile.TemporaryDirectory() as folder:
        results, page = Path(folder, "results"), Path(folder, "page")
        results.mkdir()
        results.joinpath("junit.xml").write_bytes(path.read_bytes())
        allure = Path(readers, "node_modules/allure-commandline/dist/bin/allure")
        subprocess.run(["sh", allure, "generate", results, "--output", page], check=True, capture_output=True)
        for file in page.glob("data/test-cases/*.json"):
            case = json.loads(file.read_text(encoding="utf-8"))
            suite = next(label["value"] for label in case["labels"] if label["name"] == "suite")
            yield suite, case["name"], case["status"]


def main():
    arguments = argparse.ArgumentParser(prog="scripts/check-reports")
    arguments.add_argument("--readers", metavar="DIR", help=argparse.SUPPRESS)
    arguments.add_argument("--merged", action="store_true", help="JUNIT is what `report merge` made of all JSON")
    arguments.add_argument("--junit-detail", choices=["scenario", "stage", "key"], help="what has a case of its own")
    arguments.add_argument("junit", type=Path)
    arguments.add_argument("json", type=Path, nargs="+")
    options = arguments.parse_args()
    if len(options.json) > 1 and not options.merged:
        arguments.error("only what is --merged has many JSON reports")
    detail = options.junit_detail or ("scenario" if options.merged else "key")

    try:
        root = ElementTree.parse(options.junit).getroot()
        reports = [json.loads(path.read_text(encoding="utf-8")) for path in options.json]
    except (OSError, ElementTree.ParseError, ValueError) as error:
        print(f"a report cannot be read: {error}", file=sys.stderr)
        return 2

    differences = Differences()
    expected = [suites_of(report, detail) for report in reports]
    if options.merged:
        # A suite for each run, whatever it is called.
        expected = [("", {name: outcome for _, cases in suites for name, outcome in cases.items()}) for suites in expected]
    else:
        expected = expected[0]
    check_shape(root, differences)
    for report in reports:
        check_report(report, differences)
    check_agreement(root, expected, differences)
    if options.readers:
        check_readers(options.junit, root, options.readers, differences)
    else:
        print("read with the standard library; --install adds the parsers of dashboards")
    for difference in differences:
        print(f"differs: {difference[:2000]}", file=sys.stderr)
    counts = counted(outcome for _, cases in expected for outcome in cases.values())
    words = ", ".join(f"{count} {total}" for total, count in counts.items())
    scenarios = sum(len(report["scenarios"]) for report in reports)
    print(f"{scenarios} scenarios, by {detail} {words}: {'they differ' if differences else 'the reports agree'}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
