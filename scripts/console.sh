#!/usr/bin/env bash
# Builds or tests the web console.
#
#   scripts/console.sh build      console/dist, which the program takes in when it is built
#   scripts/console.sh check      its types, its lints (layers, circles, accessibility), and the claims of its logic
#   scripts/console.sh test       what a person does with it, in a browser, on the program $EFFIGY with real guests
#   scripts/console.sh openstack  the guide by clicks in a cloud that is there, at $CLOUD_CONSOLE (scripts/openstack.sh)
#   scripts/console.sh pictures   the pictures of the user's guide, docs/pictures, taken of the program $EFFIGY
#   scripts/console.sh look DIR   every page in every language, light and dark, as pictures to look at
#
# It needs Node 20.19 or later. Without it `build` and `test` say so and do nothing: the program works without its
# console.
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

# Runs one of the folders of browser tests.
browse() {
    install
    EFFIGY_BROWSE=$1 npx playwright test "${@:2}"
}

# A machine without Node has built no console, and there is nothing to test.
or_leave() {
    has_node && return
    echo "The console needs Node 20.19 or later and npm; it is neither built nor tested here." >&2
    exit 0
}

case ${1:?usage: console.sh build|check|test|openstack|pictures|look} in
build)
    or_leave
    is_built && exit 0
    install
    npm run --silent build >node_modules/.build.log 2>&1 || {
        cat node_modules/.build.log >&2
        exit 1
    }
    ;;
check)
    or_leave
    install
    npx tsc --noEmit
    npx eslint .
    npx vitest run
    ;;
test)
    or_leave
    browse e2e "${@:2}"
    ;;
openstack)
    browse openstack "${@:2}"
    ;;
pictures)
    browse pictures guide
    # A palette of 128 colours halves them, and nobody sees it.
    for picture in ../docs/pictures/*/*.png; do
        if command -v pngquant >/dev/null; then
            pngquant --force --skip-if-larger --strip --speed 1 --ext .png 128 "$picture" || true
        fi
    done
    du -sh ../docs/pictures
    ;;
look)
    LOOK=$(realpath -m "${2:?where the pictures go}") browse pictures look "${@:3}"
    ;;
*)
    echo "console.sh: build, check, test, openstack, pictures or look" >&2
    exit 2
    ;;
esac
