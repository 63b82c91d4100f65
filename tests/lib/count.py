"""Adds up what test runs say: meson's testlog.json and pytest's JUnit files.

Prints "passed failed skipped". A libcheck program counts by its checks, any other program as one
test; a "SKIPPED" line of a check moves it from passed to skipped.
"""
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)


def meson_counts(path):
    passed = failed = skipped = 0
    for line in open(path, encoding="utf-8"):
        test = json.loads(line)
        output = test.get("stdout") or ""
        summary = CHECKS.search(output)
        if summary:
            checks, failures, errors = map(int, summary.groups())
            skips = len(re.findall(r"^SKIPPED", output, re.MULTILINE))
            bad = failures + errors
            if bad == 0 and test["result"] not in ("OK", "SKIP"):
                bad = 1  # the checks passed, the program did not: a leak, a sanitizer report
            failed += bad
            skipped += skips
            passed += max(0, checks - bad - skips)
        elif test["result"] == "SKIP":
            skipped += 1
        elif test["result"] == "OK":
            passed += 1
        else:
            failed += 1
    return passed, failed, skipped


def junit_counts(path):
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skips = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - skips
        failed += bad
        skipped += skips
    return passed, failed, skipped


def main():
    counts = [junit_counts(p) if p.endswith(".xml") else meson_counts(p) for p in sys.argv[1:]]
    print(*(sum(column) for column in zip(*counts)) if counts else (0, 0, 0))


main()
