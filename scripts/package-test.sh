#!/usr/bin/env bash
# Tries the package in a bare Debian of this machine's release: installs, starts, upgrades, removes and purges it.
#
#   scripts/package-test.sh              the packages of the program $EFFIGY (else of the one that scripts/package.sh built)
#   scripts/package-test.sh systemd      the same, and a Debian that is booted in a container: guests outlive restarts, upgrade and removal
#   scripts/package-test.sh image        the same, and the image for containers: its layout, and its command in its files
#
# It runs as root, in namespaces of its own, and needs the package sources of this machine. It prints what held.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export EFFIGY=${EFFIGY:-$root/target/package/build/release/effigy}
[ -x "$EFFIGY" ] || { echo "package-test.sh: there is no $EFFIGY; run: make package" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "package-test.sh: run this as root" >&2; exit 1; }
if [ -z "${IN_NAMESPACES:-}" ]; then
    "$root/scripts/install.sh" package image package-test
    IN_NAMESPACES=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
work=$(mktemp -d)
bare=$work/bare
data=$bare/var/lib/effigy
trap end EXIT

end() {
    local code=$?
    [ $code = 0 ] || { echo "It failed; the last words of each log:" >&2; tail -n 15 "$work"/*.log >&2 || true; }
    [ -z "${service:-}" ] || { kill "$service" && wait "$service"; } >/dev/null 2>&1 || true
    [ -z "${machine:-}" ] || { kill "$machine" && wait "$machine"; } >/dev/null 2>&1 || true
    # The devices below it are the host's own: a process that still has one open must not leave them where they are removed.
    umount -R -l "$bare/proc" "$bare/dev" 2>/dev/null || true
    if mountpoint -q "$bare/dev"; then
        echo "$bare/dev is still mounted: $work stays" >&2
    else
        rm -rf --one-file-system "$work"
    fi
    exit $code
}
held() { echo "  held: $*"; }
# is NAME COMMAND...: the command succeeds, or the test ends. Of a function only the end counts: the shell does not stop within.
is() {
    local name=$1
    shift
    "$@" >"$work/last.log" 2>&1 || { echo "  FAILED: $name: $*" >&2; cat "$work/last.log" >&2; exit 1; }
    held "$name"
}
enter=(chroot "$bare" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive)
as_user=(setpriv --reuid effigy --regid effigy --init-groups)
in_bare() { "${enter[@]}" "$@"; }
not() { ! "$@"; }
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
owner() { in_bare stat -c '%U %a' "$1"; }

# As systemd would: the unit's own command, as its user.
start() {
    local command
    read -ra command <<<"$(sed -n 's/^ExecStart=//p' "$bare/usr/lib/systemd/system/effigy.service")"
    rm -f "$data/address"
    "${enter[@]}" "${as_user[@]}" "${command[@]}" >>"$work/service.log" 2>&1 &
    service=$!
    wait_ready
}
wait_ready() {
    local deadline=$((SECONDS + 60))
    token=
    until [ -s "$data/address" ] && address=$(cat "$data/address") && curl -fs -o /dev/null "$address/readyz"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}
stop() {
    kill "$service"
    wait "$service" || true
    service=
}

# api METHOD PATH [CURL OPTION...]: a request as the administrator, whose password is the one in clouds.yaml.
api() {
    local method=$1 path=$2 password body
    shift 2
    if [ -z "${token:-}" ]; then
        password=$(sed -n "s/^ *password: '\(.*\)'/\1/p" "$data/clouds.yaml")
        body=$(jq -n --arg password "$password" '{auth: {identity: {methods: ["password"], password: {user: {name: "admin",
            domain: {id: "default"}, password: $password}}}, scope: {project: {name: "admin", domain: {id: "default"}}}}}')
        token=$(curl -fsS -D - -o /dev/null -H 'Content-Type: application/json' -d "$body" "$address/identity/v3/auth/tokens" |
            tr -d '\r' | sed -n 's/^x-subject-token: //Ip')
    fi
    curl -fsS -X "$method" -H "X-Auth-Token: $token" "$@" "$address$path"
}
save_image() {
    head -c 3000000 /dev/urandom >"$work/disk.raw"
    image=$(api POST /image/v2/images -H 'Content-Type: application/json' \
        -d '{"name": "kept", "disk_format": "raw", "container_format": "bare"}' | jq -r .id)
    api PUT "/image/v2/images/$image/file" -H 'Content-Type: application/octet-stream' --data-binary "@$work/disk.raw"
}
read_image() {
    api GET "/image/v2/images/$image/file" -o "$work/read.raw" && cmp "$work/disk.raw" "$work/read.raw"
}

# Before version 254 systemd does not know one key, and says that it ignores it.
verify_unit() {
    sed "s|/usr/bin/effigy|$bare/usr/bin/effigy|" "$bare/usr/lib/systemd/system/effigy.service" >"$work/effigy.service"
    not grep -v DelegateSubgroup <(systemd-analyze --man=no verify "$work/effigy.service" 2>&1 || echo "it fails")
}

make_packages() {
    first=$("$EFFIGY" --version | sed 's/^effigy //; s/-/~/')
    second=$first+upgrade
    "$root/scripts/package.sh" deb "$work/debs" >"$work/package.log"
    PACKAGE_VERSION=$second "$root/scripts/package.sh" deb "$work/debs" >>"$work/package.log"
    arch=$(dpkg --print-architecture)
    old=effigy_${first}_$arch.deb
    new=effigy_${second}_$arch.deb
}

contents() {
    echo "The package $old, $(stat -c %s "$work/debs/$old") bytes"
    local files name
    files=$(dpkg-deb -c "$work/debs/$old")
    for name in usr/bin/effigy usr/lib/systemd/system/effigy.service etc/effigy/effigy.toml usr/share/man/man1/effigy.1.gz \
        usr/share/man/man1/effigy-admin-user-create.1.gz usr/share/bash-completion/completions/effigy \
        usr/share/zsh/vendor-completions/_effigy usr/share/fish/vendor_completions.d/effigy.fish \
        usr/share/doc/effigy/copyright usr/share/doc/effigy/notices.gz usr/share/doc/effigy/install.md; do
        grep -q " \./$name$" <<<"$files" || { echo "$name is not in the package" >&2; return 1; }
    done
    not grep -vE '^[^ ]+ root/root ' <<<"$files"
    dpkg-deb -x "$work/debs/$old" "$work/x"
    dpkg-deb -x "$work/debs/effigy-dbgsym_${first}_$arch.deb" "$work/x"
    local symbols
    symbols=$(find "$work/x/usr/lib/debug/.build-id" -name '*.debug')
    same "$(readelf -n "$work/x/usr/bin/effigy" | awk '/Build ID/ { print $3 }')" \
        "$(readelf -n "$symbols" 2>/dev/null | awk '/Build ID/ { print $3 }')"
    readelf -p .gnu_debuglink "$work/x/usr/bin/effigy" | grep -q "${symbols##*/}"
    readelf -S "$symbols" 2>/dev/null | grep -q debug_line
    not grep -q debug_line <(readelf -S "$work/x/usr/bin/effigy")
}

whole_life() {
    "$root/scripts/bare-debian.sh" "$bare" >"$work/bare.log" 2>&1
    cp -a "$bare" "$work/fresh"
    echo "A bare $(. "$bare/etc/os-release" && echo "$PRETTY_NAME")"
    mount -t proc proc "$bare/proc"
    mount --rbind --make-rslave /dev "$bare/dev"
    cp "$work/debs"/*.deb "$bare/tmp/"

    in_bare apt-get update -q >"$work/update.log" 2>&1
    in_bare apt-get install -y -q --no-install-recommends "/tmp/$old" >"$work/install.log" 2>&1
    is "it installs, with the packages that it depends on" in_bare dpkg --audit
    is "the guide to the password is printed" grep -q 'password to /var/lib/effigy/clouds.yaml' "$work/install.log"
    is "the user effigy is in the group kvm" grep -qw kvm <(in_bare id -nG effigy)
    is "the configuration is root's, and the service reads it" same "$(owner /etc/effigy/effigy.toml)" 'root 640'
    is "the data folder is the service's alone" same "$(owner /var/lib/effigy)" 'effigy 700'
    is "systemd takes the unit" verify_unit
    sed -i 's/^# listen = .*/listen = "127.0.0.1:0"/' "$bare/etc/effigy/effigy.toml"

    is "the unit's command starts as the user effigy, and is ready" start
    is "the first start wrote the password for root to read" same "$(owner /var/lib/effigy/clouds.yaml)" 'effigy 600'
    is "an image is saved by the API" save_image
    is "it is read back, byte for byte" read_image
    local password
    password=$(grep password: "$data/clouds.yaml")

    in_bare dpkg -i "/tmp/$new" >"$work/upgrade.log" 2>&1
    stop
    is "an upgrade to $second" same "$(in_bare dpkg-query -Wf '${Version}' effigy)" "$second"
    is "it starts again on the same data" start
    is "the image is there, byte for byte" read_image
    is "the changed configuration is kept" grep -q '^listen = "127.0.0.1:0"' "$bare/etc/effigy/effigy.toml"
    is "so is the password" same "$(grep password: "$data/clouds.yaml")" "$password"
    stop

    in_bare apt-get remove -y -q effigy >"$work/remove.log" 2>&1
    is "removed: the program is gone" not test -e "$bare/usr/bin/effigy"
    is "removed: data and configuration stay" test -s "$data/effigy.db" -a -s "$bare/etc/effigy/effigy.toml"
    in_bare apt-get install -y -q --no-install-recommends "/tmp/$new" >"$work/again.log" 2>&1
    is "installed again, it starts" start
    is "installed again, the image is there, byte for byte" read_image
    stop
    is "effigy store check" in_bare "${as_user[@]}" effigy store check --config /etc/effigy/effigy.toml

    in_bare apt-get purge -y -q effigy >"$work/purge.log" 2>&1
    is "purged: the configuration is gone" not test -e "$bare/etc/effigy"
    is "purged: the data stay" test -s "$data/effigy.db" -a -d "$data/store"
    is "purged: it says where they are" grep -q 'stay in /var/lib/effigy' "$work/purge.log"
    is "purged: their owner stays" in_bare id effigy
    is "purged: dpkg knows nothing of it" same "$(in_bare dpkg-query -Wf '${Status}' effigy 2>/dev/null)" ''
    in_bare apt-get install -y -q --no-install-recommends "/tmp/$new" >"$work/again.log" 2>&1
    is "installed after the purge, it says that it goes on" grep -q 'goes on with the data' "$work/again.log"
    sed -i 's/^# listen = .*/listen = "127.0.0.1:0"/' "$bare/etc/effigy/effigy.toml"
    is "installed after the purge, it starts" start
    is "installed after the purge, the image is there, byte for byte" read_image
    stop
}

# A guest of one sector, by the API; sets $server.
launch() {
    local flavor image
    "$root/guests/micro.sh" "$work/disk.raw"
    image=$(api POST /image/v2/images -H 'Content-Type: application/json' \
        -d '{"name": "micro", "disk_format": "raw", "container_format": "bare"}' | jq -r .id)
    api PUT "/image/v2/images/$image/file" -H 'Content-Type: application/octet-stream' --data-binary "@$work/disk.raw"
    flavor=$(api GET /compute/v2.1/flavors | jq -r '.flavors[0].id')
    server=$(api POST /compute/v2.1/servers -H 'Content-Type: application/json' -H 'X-OpenStack-Nova-API-Version: 2.37' \
        -d "{\"server\": {\"name\": \"guest\", \"imageRef\": \"$image\", \"flavorRef\": \"$flavor\", \"networks\": \"none\"}}" |
        jq -r .server.id)
    local deadline=$((SECONDS + 90))
    until guest_says MICRO-READY; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 1
    done
}
guest_says() {
    api POST "/compute/v2.1/servers/$server/action" -H 'Content-Type: application/json' -d '{"os-getConsoleOutput": {}}' |
        jq -r .output | grep -q "$1"
}
status_is() { same "$(api GET "/compute/v2.1/servers/$server" | jq -r .server.status)" "$1"; }
qemu() { pgrep -f "guest=effigy-$server" || true; }
in_machine() { nsenter -t "$(pgrep -P "$machine" | head -1)" -a "$@"; }
restart_machines() {
    rm -f "$data/address"
    in_machine systemctl restart effigy
    wait_ready
}

under_systemd() {
    echo "The same Debian, booted in a container"
    umount -R "$bare/proc" "$bare/dev"
    rm -rf "$bare"
    mv "$work/fresh" "$bare"
    cp "$work/debs"/*.deb "$bare/root/"
    in_bare apt-get update -q >"$work/update.log" 2>&1
    in_bare apt-get install -y -q --no-install-recommends systemd-sysv dbus qemu-system-x86 "/root/$old" >"$work/install.log" 2>&1
    sed -i 's/^# listen = .*/listen = "127.0.0.1:0"/' "$bare/etc/effigy/effigy.toml"
    systemd-nspawn --quiet --register=no --keep-unit --console=read-only --directory="$bare" --boot \
        </dev/null >"$work/machine.log" 2>&1 &
    machine=$!
    is "the service starts with the machine" wait_ready
    local main pid
    main=$(in_machine systemctl show -P MainPID effigy)
    is "as the user effigy, in the group kvm" same "$(in_machine id -nG effigy)" 'effigy kvm'
    is "its process is that user's" same "$(in_machine stat -c %U "/proc/$main")" effigy
    is "a guest runs" launch
    pid=$(qemu)
    is "the service is restarted" restart_machines
    is "the guest has gone on, and is adopted" same "$(qemu) $(status_is ACTIVE && echo ACTIVE)" "$pid ACTIVE"
    rm -f "$data/address"
    in_machine dpkg -i "/root/$new" >"$work/upgrade.log" 2>&1
    is "an upgrade starts the new service" wait_ready
    is "the guest has gone on, and is adopted" same "$(qemu) $(status_is ACTIVE && echo ACTIVE)" "$pid ACTIVE"
    api DELETE "/compute/v2.1/servers/$server"

    mkdir -p "$bare/etc/systemd/system/effigy.service.d"
    cp "$bare/usr/share/doc/effigy/examples/as-root.conf" "$bare/etc/systemd/system/effigy.service.d/"
    in_machine systemctl daemon-reload
    is "the service is root's after a drop-in" restart_machines
    is "a guest runs" launch
    pid=$(qemu)
    is "its QEMU is a user of its own" same "$(stat -c %u "/proc/$pid")" 900000
    is "the service is restarted" restart_machines
    is "the guest has gone on, and is adopted" same "$(qemu) $(status_is ACTIVE && echo ACTIVE)" "$pid ACTIVE"
    in_machine apt-get remove -y -q effigy >"$work/remove.log" 2>&1
    is "removal ends the service and not the guest" same "$(qemu) $(in_machine systemctl is-active effigy)" "$pid inactive"
    is "it says that a guest runs" grep -q 'without the service: 1\.' "$work/remove.log"
    kill "$machine"
    wait "$machine" || true
    machine=
    mount -t proc proc "$bare/proc"
    mount --rbind --make-rslave /dev "$bare/dev"
}

# The image: digests and sizes as its layout says, and its command as its user in its files.
container() {
    echo "The image for containers"
    "$root/scripts/package.sh" image "$work/debs" >"$work/image.log" 2>&1
    local oci=$work/oci config manifest layer path digest
    mkdir "$oci"
    tar -xf "$work/debs/effigy_${first}_$arch.oci.tar" -C "$oci"
    for path in "$oci"/blobs/sha256/*; do
        digest=$(sha256sum "$path")
        is "a blob has the digest of its name" same "${digest%% *}" "${path##*/}"
    done
    blob() { echo "$oci/blobs/sha256/${1#sha256:}"; }
    manifest=$(blob "$(jq -r '.manifests[0].digest' "$oci/index.json")")
    config=$(blob "$(jq -r .config.digest "$manifest")")
    layer=$(blob "$(jq -r '.layers[0].digest' "$manifest")")
    is "user, port and volume" same "$(jq -c '[.config.User, .config.ExposedPorts, .config.Volumes]' "$config")" \
        '["effigy",{"9292/tcp":{}},{"/var/lib/effigy":{}}]'
    is "the layer unpacked is what the configuration says" \
        same "sha256:$(gzip -dc "$layer" | sha256sum | cut -d' ' -f1)" "$(jq -r '.rootfs.diff_ids[0]' "$config")"
    umount -R "$bare/proc" "$bare/dev"
    rm -rf "$bare"
    mkdir "$bare"
    tar -xpf "$layer" -C "$bare"
    mount -t proc proc "$bare/proc"
    mount --rbind --make-rslave /dev "$bare/dev"
    is "QEMU is in it" in_bare qemu-system-x86_64 --version
    # Its own command, but for the port, which others of this machine may have.
    mkdir -p "$bare/usr/lib/systemd/system"
    echo "ExecStart=$(jq -r '[.config.Entrypoint[], .config.Cmd[0]] | join(" ")' "$config") --listen 127.0.0.1:0" \
        "--config $(jq -r '.config.Env[]' "$config" | sed -n 's/^EFFIGY_CONFIG=//p')" >"$bare/usr/lib/systemd/system/effigy.service"
    is "its command starts as its user, and is ready" start
    is "an image is saved by the API" save_image
    is "it is read back, byte for byte" read_image
    stop
    echo "  $(stat -c %s "$work/debs/effigy_${first}_$arch.oci.tar") bytes"
}

make_packages
contents
held "the package has its files, without symbols, which the other one has"
is "lintian finds no error" lintian --allow-root --fail-on error "$work/debs/$old"
whole_life
for mode in "$@"; do
    case $mode in
    systemd) under_systemd ;;
    image) container ;;
    esac
done
echo "All of it held."
