#!/usr/bin/env bash
# Effigy in Glance's place in a real OpenStack on loopback: Debian's Keystone, Placement and Nova with real guests.
#
#   scripts/openstack.sh [PART...]      moving and guide; or console, tempest, or figures
#                                       (or: make openstack, openstack-console, openstack-tempest, openstack-figures)
# Everything is in a temporary folder; KEEP=1 keeps it. It needs root, for libvirt. It ends with one line, and in failure at
# the first thing that is not as it should be.
set -euo pipefail
cd "$(dirname "$0")/.."

# A socket of libvirt's has its path in 108 characters.
folder=$(mktemp -d "${TMPDIR:-/tmp}/os.XXXXXX")
effigy=$(realpath "${EFFIGY:-target/release/effigy}")
[ -x "$effigy" ] || { echo "there is no $effigy; run: make build" >&2; exit 1; }
clients=$(scripts/clients.sh tests/conformance/requirements.txt)

finish() {
    local status=$?
    trap - EXIT
    if [ -n "${KEEP:-}" ]; then echo "Everything is in $folder"; else rm -rf "$folder"; fi
    exit $status
}
trap finish EXIT

# Debian's Python has Nova, and another one before it in the PATH has not. The people of a shell are none of this cloud's.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV ${!OS_@}
[ $# -gt 0 ] || set -- moving guide
/usr/bin/python3 tests/openstack/run.py "$folder" "$effigy" "$clients/openstack" "$@"
