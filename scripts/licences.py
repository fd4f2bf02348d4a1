#!/usr/bin/env python3
"""Holds every dependency's licence to the list in deny.toml, and every source to crates.io.

`cargo deny` does this and more, but building it takes longer than building Effigy; this reads what
cargo knows already and needs nothing but Python. docs/decisions/0004-licences.md has the reasons.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def allowed(expression, allow):
    """Whether an SPDX expression can be met with the licences of the list."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either(at):
        good, at = both(at)
        while at < len(tokens) and tokens[at] == "OR":
            right, at = both(at + 1)
            good = good or right
        return good, at

    def both(at):
        good, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            right, at = one(at + 1)
            good = good and right
        return good, at

    def one(at):
        if tokens[at] == "(":
            good, at = either(at + 1)
            return good, at + 1
        name, at = tokens[at], at + 1
        if at < len(tokens) and tokens[at] == "WITH":
            name, at = f"{name} WITH {tokens[at + 1]}", at + 2
        return name in allow, at

    return either(0)[0]


def main():
    allow = set(tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"])
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    wrong = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        source = package["source"]
        if source and not source.startswith("registry+"):
            wrong.append(f"{name} comes from {source}")
        if not package["license"] or not allowed(package["license"], allow):
            wrong.append(f"{name} is under {package['license'] or 'no named licence'}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"licences: {len(packages)} packages, {len(wrong)} not allowed by deny.toml")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
