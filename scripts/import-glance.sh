#!/usr/bin/env bash
# A real Glance with a real Keystone on loopback, and 200 images of every kind: `effigy import-glance` brings them over, is
# killed three times on the way, and at the end nothing differs.
#
#   scripts/import-glance.sh      (or: make import-glance)
#
# Everything is in a temporary folder; KEEP=1 keeps it, VERBOSE=1 shows what the import says. It ends with one line, and in
# failure when something is not as it should be.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d "${TMPDIR:-/tmp}/effigy-import-glance.XXXXXX")
effigy=$(realpath "${EFFIGY:-target/release/effigy}")
[ -x "$effigy" ] || { echo "there is no $effigy; run: make build" >&2; exit 1; }
clients=$(scripts/clients.sh tests/keystone/requirements.txt tests/import-glance/requirements.txt)

finish() {
    local status=$?
    trap - EXIT
    if [ -n "${KEEP:-}" ]; then echo "Everything is in $folder"; else rm -rf "$folder"; fi
    exit $status
}
trap finish EXIT

PATH=$clients:$PATH "$clients/python" tests/import-glance/run.py "$folder" "$effigy"
