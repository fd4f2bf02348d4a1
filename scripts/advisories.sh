#!/usr/bin/env bash
# Asks whether anything that Effigy is built from has a known weakness, and fails when something has.
#
#   scripts/advisories.sh      the crates, by the RustSec database; the console's packages, by npm's
#
# ADVISORY_DB=FOLDER names a copy of the RustSec database, for a machine that cannot fetch it:
# git clone https://github.com/RustSec/advisory-db FOLDER
#
# Both databases are on the network. Without it this says what was not checked, and does not fail: nothing is wrong
# with the sources then. It never says that all is well when nobody was asked.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:$PWD/.cache/tools/bin

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

not_checked() {
    printf 'advisories: %s were NOT CHECKED: %s\n' "$1" "$2" >&2
}

# The last line that says something, without what a terminal or a log puts before it.
reason() {
    sed 's/\x1b\[[0-9;]*m//g; s/^[[:space:]]*//' | grep -E '[a-z]{3}' | tail -1
}

check_crates() {
    local config=deny.toml said
    command -v cargo-deny >/dev/null || {
        not_checked 'the crates' 'cargo-deny is missing. Run scripts/install.sh check.'
        return
    }
    if [ -n "${ADVISORY_DB:-}" ]; then
        [ -d "$ADVISORY_DB/crates" ] || {
            echo "advisories: ADVISORY_DB=$ADVISORY_DB has no folder crates: it is not a copy of the RustSec database." >&2
            return 2
        }
        # cargo-deny takes a database by git only, from a host only, and a copy need not be a clone: so git is told to
        # fetch a clone of the copy where it would ask the host, into a folder of its own.
        mkdir "$work/database"
        cp -r "$ADVISORY_DB/crates" "$work/database"
        (
            cd "$work/database"
            git init --quiet --initial-branch main
            git add .
            git -c user.name=effigy -c user.email=effigy@localhost commit --quiet --message copy
        )
        config=$work/deny.toml
        sed "s|^\[advisories\]|&\ndb-path = \"$work/fetched\"|" deny.toml >"$config"
        export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=url.file://$work/database.insteadOf
        export GIT_CONFIG_VALUE_0=https://github.com/RustSec/advisory-db
    fi
    said=$(cargo deny --config "$config" fetch db 2>&1) || {
        if [ -n "${ADVISORY_DB:-}" ]; then
            echo "$said" >&2
            return 2
        fi
        not_checked 'the crates' "the RustSec database could not be fetched ($(reason <<<"$said")). Set ADVISORY_DB to a copy of it."
        return
    }
    cargo deny --config "$config" --locked --offline check advisories
}

check_console() {
    local said
    command -v npm >/dev/null || {
        not_checked "the console's packages" 'npm is missing.'
        return
    }
    if said=$(cd console && npm audit --package-lock-only 2>&1); then
        echo "advisories: the console's packages: $said"
    elif grep -q '^# npm audit report' <<<"$said"; then
        echo "$said" >&2
        return 1
    else
        not_checked "the console's packages" "npm's registry did not answer ($(grep -E 'npm (warn|error)' <<<"$said" | head -1))."
    fi
}

# One failure does not hide the other.
failed=0
check_crates || failed=$?
check_console || failed=$?
exit "$failed"
