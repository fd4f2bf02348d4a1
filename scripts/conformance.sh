#!/usr/bin/env bash
# Real clients as conformance suites: Tempest and Glance's plugin for it, the functional suites that
# openstacksdk and glanceclient carry, Libcloud's driver, Ansible's modules, tus's client, and the `openstack` and `glance` commands that people use.
#
#   scripts/conformance.sh [SUITE [PART]]      (or: make conformance)
#
# Without a SUITE it runs them all; PART runs only the tests whose name contains it. It starts a
# service of its own in a temporary folder, installs the pinned suites when this machine has none,
# and prints one closing line a suite. A test that fails ends in failure, and so does a skip that
# tests/conformance/skips.txt does not explain. KEEP=1 keeps the folder, VERBOSE=1 names every test.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d "${TMPDIR:-/tmp}/effigy-conformance.XXXXXX")
source scripts/service.sh
clients=$(scripts/clients.sh tests/conformance/requirements.txt)
conformance=$root/tests/conformance
suites=(tempest.api.image glance_tempest_plugin tempest.api.identity tempest.api.compute
    openstacksdk.image openstacksdk.identity openstacksdk.compute glanceclient libcloud ansible tus openstack glance)

finish() {
    local status=$?
    trap - EXIT
    stop_service
    [ -z "${web:-}" ] || kill "$web" 2>/dev/null || true
    end_guests
    [ $status = 0 ] || tail -n 5 "$folder/service.log"
    if [ -n "${KEEP:-}" ]; then echo "Everything is in $folder"; else rm -rf "$folder"; fi
    exit $status
}

# Images for web-download, served on a free port of this machine.
serve_images() {
    mkdir "$folder/www"
    guests/micro.sh "$folder/www/micro.raw" golden 4M
    qemu-img convert -f raw -O qcow2 "$folder/www/micro.raw" "$folder/www/micro.qcow2"
    mkdir -p "$folder/www/volume/v3/volumes"
    echo '{"volumes": []}' >"$folder/www/volume/v3/volumes/detail"
    python3 -u -m http.server --bind 127.0.0.1 --directory "$folder/www" 0 >"$folder/web.log" 2>&1 &
    web=$!
    until images=$(grep -s -o -m1 'port [0-9]*' "$folder/web.log"); do sleep 0.05; done
    images=http://127.0.0.1:${images#port }
}

# There are three stores. Any project may share with any other, as with Glance: the suites share with strangers. An account that
# was locked opens again while its test waits. Images are fetched from this machine: from the web server here, and
# from the service itself, which therefore knows its own address.
write_settings() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$folder/effigy.toml" <<END
[server]
public_url = "http://127.0.0.1:$port"
[sharing]
scope = "any"
[stores.archive]
folder = "archive"
[stores.second]
folder = "second"
[identity]
lock_after_failures = 5
lock_secs = 5
# Suites make boot sectors and random bytes public, in which there is no system to recognise.
[inspect]
public = "record"
[import]
allowed_hosts = ["127.0.0.1"]
allowed_ports = [80, 443, ${images##*:}, $port]
END
}

# A Public image for those who look for one, and the clouds under the names that the suites know.
furnish() {
    make_people
    for name in micro micro-alt; do
        as effigy image create $name --public --disk-format raw --container-format bare \
            --file "$folder/www/micro.raw" -f value -c id >"$folder/$name.id"
    done
    as effigy flavor create larger --id larger --ram 96 --vcpus 1 --disk 1 >/dev/null
    # openstacksdk looks for a project and a user of this name.
    as effigy project create demo >/dev/null
    as effigy user create demo --password "$password" >/dev/null
    for user in alice demo; do as effigy role add --user $user --project demo member; done
    (
        umask 077
        # openstacksdk skips its tests of Compute where a cloud has no volumes, those that use none too, and lists them
        # when it cleans up: the web server here has the empty list.
        sed -e 's/^  effigy:/  devstack-admin:/' -e 's/^  alice-web:/  devstack:/' -e 's/^  bob:/  devstack-alt:/' \
            -e "s|^    identity_api_version: .*|&\n    block_storage_endpoint_override: $images/volume/v3|" \
            -e 's/project_name: web/project_name: demo/' \
            "$OS_CLIENT_CONFIG_FILE" >"$folder/suites.yaml"
        sed -n '/^  devstack-admin:/,/^  devstack:/p' "$folder/suites.yaml" |
            sed -e '$d' -e 's/^  devstack-admin:/  devstack-system-admin:/' \
                -e '/project_domain/d' -e 's/project_name:.*/system_scope: all/' >"$folder/system.yaml"
        cat "$folder/system.yaml" >>"$folder/suites.yaml"
        sed -e "s|@FOLDER@|$folder|" -e "s|@ADDRESS@|$address|" -e "s|@IMAGES@|$images|" \
            -e "s|@IMAGE@|$(<"$folder/micro.id")|" -e "s|@IMAGE_ALT@|$(<"$folder/micro-alt.id")|" \
            -e "s|@PASSWORD@|$(sed -n 's/^ *password: *//p' "$data/clouds.yaml")|" \
            "$conformance/tempest.conf" >"$folder/tempest.conf"
    )
    # openstacksdk uploads this file of its own source tree.
    echo "This is not an image." >"$folder/CONTRIBUTING.rst"
}

# A playbook as people write them, with a guest that it works in over ssh.
play() {
    local ansible cloud=$folder/ansible.yaml
    ansible=$(scripts/clients.sh tests/conformance/ansible.txt)
    guests/tiny.sh "$folder/www"
    ssh-keygen -q -t ed25519 -N "" -f "$folder/www/key"
    (
        umask 077
        cp "$OS_CLIENT_CONFIG_FILE" "$cloud"
        sed -n '/^  alice-web:/,/^  [^ ]*:$/p' "$cloud" | sed -e '1!{/^  [^ ]*:$/d}' \
            -e 's/alice-web/paula/; s/alice/paula/; s/project_name: web/project_name: playbook/' >"$folder/paula"
        cat "$folder/paula" >>"$cloud"
    )
    cp "$folder/password" "$folder/www/"
    touch "$folder/ansible.cfg"
    # Its own folder and no inventory: nothing of this machine's settings takes part.
    env OS_CLIENT_CONFIG_FILE="$cloud" ANSIBLE_HOME="$folder/ansible" ANSIBLE_CONFIG="$folder/ansible.cfg" ANSIBLE_LOCALHOST_WARNING=0 \
        ANSIBLE_INVENTORY_UNPARSED_WARNING=0 ANSIBLE_PYTHON_INTERPRETER="$ansible/python" ANSIBLE_NOCOLOR=1 \
        "$ansible/ansible-playbook" -e "folder=$folder/www clients=$clients" "$conformance/ansible.yaml" </dev/null |
        tee "$folder/play.log" | { [ -n "${VERBOSE:-}" ] && cat || grep -A 20 -E '^(fatal|failed|.*ERROR)' || true; }
    printf 'ansible: %s tasks hold, %s do not\n' "$(grep -c '^\(ok\|changed\):' "$folder/play.log")" \
        "$(grep -c '^\(fatal\|failed\):' "$folder/play.log")"
    ! grep -q '^\(fatal\|failed\):' "$folder/play.log" && grep -q '^PLAY RECAP' "$folder/play.log"
}

# The most memory that the service had, in MiB.
most_memory() {
    awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$service/status"
}

# new_record NAME: the id of an image without a file. `openstack image create` would take one from its standard input.
new_record() {
    curl -fsS -H "X-Auth-Token: $TUS_TOKEN" -H 'Content-Type: application/json' "$address/image/v2/images" \
        -d "{\"name\": \"$1\", \"disk_format\": \"raw\", \"container_format\": \"bare\"}" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'
}

# 2 GiB in parts with tus's own client, which is killed 20 times, and every other time the service with it; then the same file
# at once, to a service as fresh.
send_in_parts() {
    local tus bytes=${TUS_BYTES:-2147483648} file=$folder/parts.raw image twin breaks=0 kills=0 sender parts_mib at_once_mib tries
    tus=$(scripts/clients.sh tests/conformance/tus.txt)
    head -c "$bytes" /dev/urandom >"$file"
    TUS_TOKEN=$(as alice-web token issue -f value -c id)
    export TUS_TOKEN
    image=$(new_record parts)
    twin=$(new_record twin)
    : >"$folder/tus.log"
    while [ $breaks -lt 20 ]; do
        "$tus/python" "$conformance/tus.py" "$address" "$image" "$file" >"$folder/tus.out" 2>>"$folder/tus.log" &
        sender=$!
        until [ -s "$folder/tus.out" ] || ! kill -0 $sender 2>/dev/null; do sleep 0.05; done
        sleep "0.$((RANDOM % 9 + 1))"
        grep -q 'all has come' "$folder/tus.out" && break
        if [ $((breaks % 2)) = 1 ]; then
            kill -9 "$service" && kills=$((kills + 1))
            wait "$service" 2>/dev/null || true
        fi
        kill -9 $sender 2>/dev/null || true
        wait $sender 2>/dev/null || true
        breaks=$((breaks + 1))
        kill -0 "$service" 2>/dev/null || start_service "127.0.0.1:$port"
    done
    stop_service
    start_service "127.0.0.1:$port"
    "$tus/python" "$conformance/tus.py" "$address" "$image" "$file" >"$folder/tus.out" 2>>"$folder/tus.log"
    for ((tries = 0; tries < 120; tries++)); do
        [ "$(as alice-web image show "$image" -f value -c status)" != active ] || break
        sleep 0.5
    done
    parts_mib=$(most_memory)
    stop_service
    start_service "127.0.0.1:$port"
    curl -fsS -T "$file" -H "X-Auth-Token: $TUS_TOKEN" -H 'Content-Type: application/octet-stream' \
        "$address/image/v2/images/$twin/file"
    at_once_mib=$(most_memory)
    curl -fsS -H "X-Auth-Token: $TUS_TOKEN" "$address/image/v2/images/$image" >"$folder/parts.json"
    grep -q "$(md5sum <"$file" | cut -d' ' -f1)" "$folder/parts.json" ||
        { echo "tus: the file that came in parts is another"; return 1; }
    unset TUS_TOKEN
    rm "$file"
    echo "tus: $((bytes >> 20)) MiB in parts with $breaks breaks," \
        "$kills of them of the service too, are the same bytes; memory $parts_mib MiB, of one upload at once $at_once_mib MiB"
}

# run SUITE [PART]
run() {
    printf '\n%s\n' "$1"
    case $1 in
    openstack | glance) (source "$conformance/$1.sh") ;;
    ansible) play ;;
    tus) send_in_parts ;;
    libcloud)
        "$clients/python" "$conformance/libcloud_suite.py" "$address/identity" alice "$password" web micro m1.nano
        ;;
    *)
        (
            cd "$folder"
            export TEMPEST_CONFIG_DIR=$folder OS_CLIENT_CONFIG_FILE=$folder/suites.yaml OS_GLANCECLIENT_EXEC_DIR=$clients
            export OPENSTACKSDK_IMAGE=micro OPENSTACKSDK_FLAVOR=m1.nano
            # Seconds for one test of openstacksdk, which gives 5: a guest may take longer under emulation.
            export OS_TEST_TIMEOUT=300
            "$clients/python" "$conformance/run.py" "$@"
        )
        ;;
    esac
}

trap finish EXIT
serve_images
write_settings
start_service "127.0.0.1:$port"
furnish
failed=()
if [ $# -gt 0 ]; then
    run "$@" || failed+=("$1")
else
    for suite in "${suites[@]}"; do
        run "$suite" 2>&1 | tee "$folder/$suite.log" || failed+=("$suite")
    done
    printf '\n'
    for suite in "${suites[@]}"; do tail -n 1 "$folder/$suite.log"; done
fi
[ ${#failed[@]} = 0 ] || die "these do not hold: ${failed[*]}"
