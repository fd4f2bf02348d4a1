# Sourced by demo.sh and guide.sh: starting a service of one's own, and its people.
#
# Before: $folder, where everything goes. $EFFIGY may name the program; else the newest build is taken.
# After `start_service`: $address, and $OS_CLIENT_CONFIG_FILE with the cloud `effigy` (the administrator).
# After `make_people`: also the clouds `alice-web`, `alice-batch` and `bob`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=$folder/data
effigy=${EFFIGY:-$root/target/release/effigy}
export OS_CLIENT_CONFIG_FILE=$folder/clouds.yaml

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# as CLOUD ARGUMENT...: the openstack command, as one person in one project.
as() {
    local cloud=$1
    shift
    env OS_CLOUD="$cloud" "$clients/openstack" "$@" </dev/null
}

# Starts the service with the settings in $folder/effigy.toml, and waits until it is ready.
start_service() {
    [ -x "$effigy" ] || die "there is no $effigy; run: make build"
    touch "$folder/effigy.toml"
    rm -f "$data/address"
    "$effigy" serve --config "$folder/effigy.toml" --data "$data" --listen "${1:-127.0.0.1:0}" \
        >>"$folder/service.log" 2>&1 </dev/null &
    service=$!
    echo "$service" >"$folder/pid"
    local deadline=$((SECONDS + 60))
    until [ -s "$data/address" ] && curl -fs -o "$folder/ready" "$(cat "$data/address")/readyz"; do
        kill -0 "$service" 2>/dev/null || die "the service ended: $(tail -n 3 "$folder/service.log")"
        [ $SECONDS -lt $deadline ] || die "the service is not ready after a minute; see $folder/service.log"
        sleep 0.05
    done
    address=$(cat "$data/address")
    write_clouds
}

# Asks the service to end and waits for it. Its guests go on.
stop_service() {
    [ -n "${service:-}" ] || return 0
    kill "$service" 2>/dev/null || true
    wait "$service" 2>/dev/null || true
    service=
}

# Ends the guests that this folder's service has started: they outlive it by design.
end_guests() {
    local process
    for process in /proc/[0-9]*; do
        # Each runs in its instance's folder.
        if [[ $(readlink "$process/cwd") == "$(readlink -f "$data")"/instances/* ]]; then
            kill -9 "${process#/proc/}" 2>/dev/null || true
        fi
    done
}

# Two projects, and two people who share nothing with each other.
make_people() {
    password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "$password" >"$folder/password")
    write_clouds
    local project
    for project in web batch other; do
        as effigy project create --or-show "$project" >/dev/null
    done
    as effigy user create --or-show --password "$password" alice >/dev/null
    as effigy user create --or-show --password "$password" bob >/dev/null
    as effigy role add --user alice --project web member
    as effigy role add --user alice --project batch member
    as effigy role add --user bob --project other member
}

# The client's configuration: the administrator as the first start wrote it, and our people.
write_clouds() {
    local person
    (
        umask 077
        cat "$data/clouds.yaml" >"$OS_CLIENT_CONFIG_FILE"
        [ -e "$folder/password" ] || exit 0
        password=$(cat "$folder/password")
        for person in alice-web:alice:web alice-batch:alice:batch bob:bob:other; do
            IFS=: read -r cloud user project <<<"$person"
            cat >>"$OS_CLIENT_CONFIG_FILE" <<END
  $cloud:
    auth:
      auth_url: $address/identity/v3
      username: $user
      password: $password
      project_name: $project
      user_domain_id: default
      project_domain_id: default
    region_name: RegionOne
    identity_api_version: 3
END
        done
    )
}
