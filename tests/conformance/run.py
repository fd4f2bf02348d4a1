#!/usr/bin/env python3
"""Runs one suite of real OpenStack tests as it is installed, one test after the other.

    run.py SUITE [PART]      PART: only the tests whose name contains it

It prints every test that fails with what was seen, and one closing line. It succeeds when no test
failed and every skip is one that skips.txt explains; an explanation that nothing needs any more
fails too, so that the file stays true.
"""

import contextlib
import importlib.util
import os
import sys
import time
import unittest

# The suites, and the packages and modules that hold each.
SDK = "openstack.tests.functional"
SUITES = {
    "tempest.api.image": ["tempest.api.image"],
    "glance_tempest_plugin": ["glance_tempest_plugin.tests"],
    "tempest.api.identity": ["tempest.api.identity"],
    "tempest.api.compute": ["tempest.api.compute"],
    "openstacksdk.image": [f"{SDK}.image.v2", f"{SDK}.cloud.test_image"],
    "openstacksdk.identity": [f"{SDK}.identity.v3", f"{SDK}.cloud.test_identity"],
    "openstacksdk.compute": [f"{SDK}.compute.v2", f"{SDK}.cloud.test_compute", f"{SDK}.cloud.test_inventory"],
    "glanceclient": ["glanceclient.tests.functional.v2"],
}

# Where a test needs Tempest to be told something else than the rest: (group, option, value).
# - The lists are tested with random bytes as images of every format. That is no lie for raw, and for no other.
TOLD = {
    "tempest.api.image.v2.test_images.ListUserImagesTest": [
        ("image", "disk_formats", ["raw"]),
        ("image", "container_formats", ["bare"]),
        ("image-feature-enabled", "image_format_enforcement", False),
    ],
}

HERE = os.path.dirname(os.path.abspath(__file__))


class Tally(unittest.TestResult):
    """The outcome of each test. A class that could not be set up answers for all its tests."""

    def __init__(self, tests):
        super().__init__()
        self.tests = tests
        self.passed = set()
        self.failed = {}
        self.skipped_tests = {}

    def startTest(self, test):
        self.started = time.monotonic()

    def addSuccess(self, test):
        self.passed.add(plain(test))
        self.say("passed", plain(test))

    def addExpectedFailure(self, test, err=None):
        self.addSuccess(test)

    def addSkip(self, test, reason):
        for name in self.covered(test):
            self.skipped_tests[name] = reason
            self.say("skipped", name)

    def addError(self, test, err):
        for name in self.covered(test):
            self.passed.discard(name)
            self.failed[name] = err
            self.say("FAILED", name)
        print(self._exc_info_to_string(err, test), flush=True)

    addFailure = addError

    def addUnexpectedSuccess(self, test):
        self.failed[plain(test)] = None
        self.say("FAILED", plain(test))

    def covered(self, test):
        """The tests that an outcome is about: one, or all of a class ('setUpClass (module.Class)')."""
        name = plain(test)
        if "Class (" not in name:
            return [name]
        of_class = name.split("(")[1].rstrip(")") + "."
        return [test for test in self.tests if test.startswith(of_class)]

    def say(self, what, name):
        if os.environ.get("VERBOSE"):
            print(f"  {what} {name} {time.monotonic() - getattr(self, 'started', time.monotonic()):.1f}s", flush=True)


def plain(test):
    """A test's name without the attributes that Tempest appends to it."""
    return test.id().split("[")[0]


def each(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        else:
            yield test


def chosen(suite, part, left_out):
    """The suite with only the tests that are wanted, its classes together as they were."""
    kept = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            kept.addTest(chosen(test, part, left_out))
        elif part in plain(test) and not any(of(entry, plain(test)) for entry in left_out):
            kept.addTest(test)
    return kept


def apart(suite):
    """The suite in pieces: those that are told something of their own, and the rest."""
    yield chosen(suite, "", TOLD), []
    for name, told in TOLD.items():
        alone = unittest.TestSuite(test for test in each(suite) if of(name, plain(test)))
        if alone.countTestCases():
            yield alone, told


@contextlib.contextmanager
def tell(told):
    """Sets Tempest's options for a while."""
    if not told:
        yield
        return
    from tempest import config

    for group, option, value in told:
        config._CONF.set_override(option, value, group)
    yield
    for group, option, _ in told:
        config._CONF.clear_override(option, group)


def of(entry, name):
    return name == entry or name.startswith(entry + ".")


def explanations(packages):
    """skips.txt: what is left out, and what the suite itself may skip; each a name with its reason."""
    kinds = {"out": {}, "skip": {}}
    with open(os.path.join(HERE, "skips.txt")) as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                kind, entry, reason = line.split(None, 2)
                if any(of(package, entry) for package in packages):
                    kinds[kind][entry] = reason.strip()
    return kinds["out"], kinds["skip"]


def discover(package):
    folders = importlib.util.find_spec(package).submodule_search_locations
    if not folders:
        return unittest.TestLoader().loadTestsFromName(package)
    folder = list(folders)[0]
    top = folder
    for _ in package.split("."):
        top = os.path.dirname(top)
    return unittest.TestLoader().discover(folder, top_level_dir=top)


def main(suite, part=""):
    packages = SUITES[suite]
    left_out, may_skip = explanations(packages)
    found = unittest.TestSuite(discover(package) for package in packages)
    everything = [plain(test) for test in each(found) if part in plain(test)]
    wanted = chosen(found, part, left_out)
    tally = Tally([plain(test) for test in each(wanted)])
    for part_of_suite, told in apart(wanted):
        with tell(told):
            part_of_suite.run(tally)
        # Else unittest would take the last class of this part down once more.
        tally._previousTestClass = None

    unexplained = {
        name: reason
        for name, reason in tally.skipped_tests.items()
        if not any(of(entry, name) for entry in may_skip)
    }
    outside = [name for name in everything if any(of(entry, name) for entry in left_out)]
    unneeded = [] if part else [
        entry
        for entry in [*left_out, *may_skip]
        if not any(of(entry, name) for name in [*outside, *tally.skipped_tests])
    ]
    for name, reason in sorted(unexplained.items()):
        print(f"  skipped, and skips.txt does not say why: {name}: {reason}")
    for entry in unneeded:
        print(f"  skips.txt explains a skip that is none: {entry}")
    for name in sorted(tally.failed):
        print(f"  failed: {name}")
    skipped = len(tally.skipped_tests) + len(outside)
    print(f"{suite}: {len(tally.passed)} passed, {len(tally.failed)} failed, {skipped} skipped", flush=True)
    return 1 if tally.failed or unexplained or unneeded or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
