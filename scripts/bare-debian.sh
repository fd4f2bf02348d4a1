#!/usr/bin/env bash
# Makes a bare Debian of this machine's release, from the package sources that this machine has.
#
#   scripts/bare-debian.sh TARGET [OPTION OF MMDEBSTRAP...]      TARGET: a folder, or a .tar
#
# SUITE may name another release; then mmdebstrap knows where that is.
set -euo pipefail
target=${1:?usage: bare-debian.sh TARGET}
shift
own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
suite=${SUITE:-$own}
sources=()
if [ "$suite" = "$own" ]; then
    # Those of other vendors name other suites.
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
        if [ -e "$file" ] && grep -qE "(^|[[:space:]])$suite(-security|-updates)?([[:space:]]|$)" "$file"; then
            sources+=("$file")
        fi
    done
fi
mmdebstrap --quiet --mode=root --variant=minbase --aptopt='APT::Install-Recommends "false"' "$@" \
    "$suite" "$target" "${sources[@]}"
