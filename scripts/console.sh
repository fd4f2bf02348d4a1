#!/usr/bin/env bash
# Builds or tests the web console.
#
#   scripts/console.sh build      console/dist, which the program takes in when it is built
#   scripts/console.sh check      its types and the claims of its logic
#   scripts/console.sh test       what a person does with it, in a browser, on the program $EFFIGY with real guests
#
# It needs Node 20.19 or later. Without it `build` says so and does nothing: the program works without its console.
set -euo pipefail
cd "$(dirname "$0")/../console"

has_node() {
    command -v npm >/dev/null &&
        node -e 'const [major, minor] = process.versions.node.split(".").map(Number)
                 process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

# Installs what package-lock.json names, when it has changed since.
install() {
    [ node_modules/.installed -nt package-lock.json ] && return
    npm ci --no-audit --no-fund --loglevel=error
    touch node_modules/.installed
}

# Whether the console was built from what is there now.
is_built() {
    [ -e dist/index.html ] || return 1
    [ -z "$(find src public index.html package-lock.json vite.config.ts -newer dist/index.html -print -quit)" ]
}

case ${1:?usage: console.sh build|check|test} in
build)
    if ! has_node; then
        echo "The console needs Node 20.19 or later and npm; the program is built without it." >&2
        exit 0
    fi
    is_built && exit 0
    install
    npm run --silent build >node_modules/.build.log 2>&1 || {
        cat node_modules/.build.log >&2
        exit 1
    }
    ;;
check)
    install
    npx tsc --noEmit
    npx vitest run
    ;;
test)
    install
    npx playwright test "${@:2}"
    ;;
*)
    echo "console.sh: build, check or test" >&2
    exit 2
    ;;
esac
