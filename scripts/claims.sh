# Sourced by guide.sh and inside.sh: how a claim is made and checked. Each check is a command that succeeds when
# what it says is so; `claim` runs it, says so, and ends the script when it is not.

claims=0

step() {
    printf '\n%s\n' "$*"
}

claim() {
    local what=$1
    shift
    if "$@" >"$folder/seen" 2>&1; then
        claims=$((claims + 1))
        printf '  yes  %s\n' "$what"
    else
        printf '  NO   %s\n       %s\n' "$what" "$*"
        sed 's/^/       | /' "$folder/seen"
        exit 1
    fi
}

# shows TEXT COMMAND...: the command prints just this.
shows() {
    local text=$1 seen
    shift
    seen=$("$@") || return 1
    echo "$seen"
    [ "$seen" = "$text" ]
}

# lists NAME COMMAND...: one of the lines is just this.
lists() {
    local name=$1 seen
    shift
    seen=$("$@") || return 1
    echo "$seen"
    grep -q -x -F -- "$name" <<<"$seen"
}

# lists_no NAME COMMAND...: the command works and none of its lines is this.
lists_no() {
    local name=$1 seen
    shift
    seen=$("$@") || return 1
    echo "$seen"
    ! grep -q -x -F -- "$name" <<<"$seen"
}

# property NAME VALUE COMMAND...: the JSON has the property with this value.
property() {
    local name=$1 value=$2 seen
    shift 2
    seen=$("$@") || return 1
    echo "$seen"
    grep -q -F -- "\"$name\": \"$value\"" <<<"$seen"
}

# refused TEXT COMMAND...: the command fails and what it says contains the text.
refused() {
    local text=$1 seen
    shift
    if seen=$("$@" 2>&1); then
        echo "it was allowed: $seen"
        return 1
    fi
    echo "$seen"
    grep -q -i -F -- "$text" <<<"$seen"
}

# becomes TEXT COMMAND...: within two minutes ($PATIENCE seconds) the command prints just this.
becomes() {
    local deadline=$((SECONDS + ${PATIENCE:-120}))
    until shows "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
    done
}

# console CLOUD INSTANCE TEXT: within two minutes ($PATIENCE seconds) the instance's console log has the text.
console() {
    local deadline=$((SECONDS + ${PATIENCE:-120})) log
    until log=$(as "$1" console log show "$2") && grep -q -F -- "$3" <<<"$log"; do
        echo "$log"
        [ $SECONDS -lt $deadline ] || return 1
    done
}

# expected_disk IMAGE BOOTS LIKE: the image's bytes with the micro guest's counter set, as long as LIKE.
expected_disk() {
    local disk=$folder/expected.tmp
    cp --sparse=always "$1" "$disk"
    printf "\\x$(printf %02x "$2")" | dd of="$disk" bs=1 seek=1024 conv=notrunc status=none
    truncate -r "$3" "$disk"
    cat "$disk"
    rm -f "$disk"
}

# The end, whichever way it came.
finish() {
    local status=$?
    trap - EXIT
    stop_service
    end_guests
    if [ $status = 0 ]; then
        printf '\nAll holds: %s claims.\n' "$claims"
    else
        printf '\nIt does not hold. The last lines of the service:\n'
        tail -n 25 "$folder/service.log" 2>/dev/null || true
    fi
    [ -n "${KEEP:-}" ] || rm -rf "$folder"
    exit $status
}
