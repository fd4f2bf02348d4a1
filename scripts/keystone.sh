#!/usr/bin/env bash
# A real Keystone on loopback, a service that asks it, and OpenStack's own middleware beside it: the same requests come to
# the same verdicts, and Keystone may go away and come back.
#
#   scripts/keystone.sh      (or: make keystone)
#
# Everything is in a temporary folder; KEEP=1 keeps it, VERBOSE=1 names every request. It ends with one line, and in
# failure when a verdict differs.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d "${TMPDIR:-/tmp}/effigy-keystone.XXXXXX")
effigy=$(realpath "${EFFIGY:-target/release/effigy}")
[ -x "$effigy" ] || { echo "there is no $effigy; run: make build" >&2; exit 1; }
clients=$(scripts/clients.sh tests/keystone/requirements.txt)

finish() {
    local status=$?
    trap - EXIT
    if [ -n "${KEEP:-}" ]; then echo "Everything is in $folder"; else rm -rf "$folder"; fi
    exit $status
}
trap finish EXIT

PATH=$clients:$PATH "$clients/python" tests/keystone/run.py "$folder" "$effigy"
