# Sourced by the suites of commands: a check runs a command, says what came of it, and goes on.
# The claims that a check may make of a command (`shows`, `lists`, `refused`, ...) are in scripts/claims.sh.

source "$root/scripts/claims.sh"
passed=0
failed=0

check() {
    local what=$1
    shift
    if "$@" >"$folder/seen" 2>&1; then
        passed=$((passed + 1))
        [ -z "${VERBOSE:-}" ] || printf '  passed %s\n' "$what"
    else
        failed=$((failed + 1))
        printf '  FAILED %s\n         %s\n' "$what" "$*"
        sed 's/^/         | /' "$folder/seen"
    fi
}

# both COMMAND... -- COMMAND...: each of the two succeeds.
both() {
    local first=()
    while [ "$1" != -- ]; do
        first+=("$1")
        shift
    done
    shift
    "${first[@]}" && "$@"
}

# says TEXT COMMAND...: the command succeeds and its output contains the text.
says() {
    local text=$1 seen
    shift
    seen=$("$@" 2>&1) || {
        echo "$seen"
        return 1
    }
    echo "$seen"
    grep -q -F -- "$text" <<<"$seen"
}

# closing NAME: the closing line; fails when a check has failed.
closing() {
    printf '%s: %s passed, %s failed, 0 skipped\n' "$1" "$passed" "$failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
