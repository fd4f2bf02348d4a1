"""Tempest's tests that touch images, beside one image service: tempest.py OUTCOMES. Tempest's settings are in TEMPEST_CONFIG_DIR."""
import importlib
import json
import pathlib
import sys
import unittest

# The folder of this file has a module of Tempest's own name.
sys.path[0] = str(pathlib.Path(__file__).parent.parent / "conformance")
import run  # noqa: E402

PACKAGES = ("tempest.api.image", "tempest.api.compute.images")
MODULES = ("test_create_server", "test_delete_server", "test_server_actions", "test_server_rescue", "test_server_rescue_negative")


def main(outcomes):
    suite = unittest.TestSuite(run.discover(package) for package in PACKAGES)
    for module in MODULES:
        suite.addTest(unittest.TestLoader().loadTestsFromModule(importlib.import_module(f"tempest.api.compute.servers.{module}")))
    tally = run.Tally([run.plain(test) for test in run.each(suite)])
    for part, told in run.apart(suite):
        with run.tell(told):
            part.run(tally)
        # Else unittest would take the last class of this part down once more.
        tally._previousTestClass = None
    said = {"passed": sorted(tally.passed), "failed": sorted(tally.failed), "skipped": tally.skipped_tests}
    pathlib.Path(outcomes).write_text(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
