#!/usr/bin/env python3
"""Writes the licences and notices of all that is linked into the program, to standard output.

    scripts/notices.py

Rust's crates come from `cargo metadata` (what a build for Linux links; neither tests' nor build scripts' crates), the
console's packages from its lock file and node_modules, if the console was built. A text that several have stands once.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("license", "licence", "copying", "notice", "copyright", "unlicense")


def crates():
    """(name and version, licence, folder) of each crate that is linked."""
    told = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE)
    told = json.loads(told.stdout)
    packages = {package["id"]: package for package in told["packages"]}
    needs = {
        node["id"]: [need["pkg"] for need in node["deps"] if any(kind["kind"] is None for kind in need["dep_kinds"])]
        for node in told["resolve"]["nodes"]
    }
    wanted, seen = [told["resolve"]["root"]], set()
    while wanted:
        one = wanted.pop()
        if one not in seen:
            seen.add(one)
            wanted.extend(needs[one])
    for package in (packages[one] for one in seen):
        # Our own have the licence of the program.
        if package["source"]:
            folder = Path(package["manifest_path"]).parent
            yield f"{package['name']} {package['version']}", package["license"] or "see below", folder


def console_packages():
    """The same of the console's packages, but those that only build it."""
    lock = ROOT / "console/package-lock.json"
    if not (ROOT / "console/dist/index.html").exists():
        return
    for path, package in json.loads(lock.read_text())["packages"].items():
        folder = ROOT / "console" / path
        if path and not package.get("dev") and folder.is_dir():
            name = path.split("node_modules/")[-1]
            yield f"{name} {package['version']}", str(package.get("license", "see below")), folder


def texts(folder):
    """The texts of licences and notices in a folder, and those of the C libraries that a crate brings one folder deeper."""
    found = []
    for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
        is_library = "node_modules" not in path.relative_to(folder).parts
        if path.name.lower().startswith(NAMES) and path.suffix not in (".rs", ".js", ".html") and is_library and path.is_file():
            found.append(path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip())
    return found


def main():
    parts = sorted(set(crates())) + sorted(set(console_packages()))
    owners = {}
    print("The program effigy has these parts of others in it, each with its licence:\n")
    for name, licence, folder in parts:
        print(f"  {name}: {licence}")
        for text in texts(folder):
            owners.setdefault(text, []).append(name)
    for text, names in owners.items():
        print(f"\n{'-' * 78}\n{', '.join(dict.fromkeys(names))}\n\n{text}")
    if len(parts) < 100:
        sys.exit("notices.py: too few parts are found to believe it")


main()
