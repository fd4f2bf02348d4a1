#!/usr/bin/env bash
# Prints the folder that holds the pinned OpenStack clients (`openstack`, `glance`), making it first
# when this machine has none. It lies outside the clone, named by what requirements.txt says, so that
# every clone and every run shares it and a changed pin makes a new one.
#
#   scripts/clients.sh [REQUIREMENTS]      with what that file names beside them, in a folder of its own; its pin of
#                                          a package that both name is the one that is taken
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

requirements=("$here/requirements.txt" "$@")
name=$(cat "${requirements[@]}" | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/effigy
venv=$cache/venv-$name

if [ ! -e "$venv/.complete" ]; then
    mkdir -p "$cache"
    # One maker at a time; the second finds the work done.
    exec 9>"$cache/venv.lock"
    flock 9
    if [ ! -e "$venv/.complete" ]; then
        echo "Installing the OpenStack clients into $venv" >&2
        rm -rf "$venv"
        python3 -m venv "$venv" >&2
        awk -F == '/^[^#].*==/ { pin[tolower($1)] = $0 } END { for (name in pin) print pin[name] }' "${requirements[@]}" \
            >"$venv/pins.txt"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$venv/pins.txt" >&2
        touch "$venv/.complete"
    fi
fi
echo "$venv/bin"
