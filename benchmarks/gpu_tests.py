"""The result file of a GPU test run, from pytest's own XML.

python gpu_tests.py JUNIT_XML [--out DIR]
"""

from __future__ import annotations

import argparse
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from results import DEFAULT_OUT, Results


def count(xml: Path) -> dict[str, int]:
    suites = ET.parse(xml).getroot().iter("testsuite")
    total = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in suites:
        for name in total:
            total[name] += int(suite.get(name, 0))
    failed = total["failures"] + total["errors"]
    passed = total["tests"] - failed - total["skipped"]
    return {"passed": passed, "failed": failed, "skipped": total["skipped"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("xml", type=Path)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    arguments = parser.parse_args()
    results = Results("gpu-tests")
    for subject, value in count(arguments.xml).items():
        results.add(subject, "pytest -m gpu", "count", [value])
    results.write(arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
