#!/usr/bin/env bash
# The verification of a real Debian: clean as it is made, with traces of its first boot in the image that a capture
# makes of it, and without them in the cleaned copy.
#
#   scripts/inside.sh             (or: make inside)
#
# Slow: a Debian boots four times, under emulation in two minutes or three. KEEP=1 keeps the folder.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d "${TMPDIR:-/tmp}/effigy-inside.XXXXXX")
source scripts/service.sh
clients=$(scripts/clients.sh)
source scripts/claims.sh
trap finish EXIT
export PATIENCE=900

# effigy_call CLOUD METHOD PATH [BODY]: a call of Effigy's own API.
effigy_call() {
    curl -fsS -X "$2" -H "X-Auth-Token: $(as "$1" token issue -f value -c id)" -H 'Content-Type: application/json' \
        ${4:+-d "$4"} "$address/effigy/v1$3"
}

# verification CLOUD IMAGE EXPRESSION: something of the report, once there is one: Python, of `it`.
verification() {
    effigy_call "$1" GET "/images/$2/verification" | python3 -c '
import json, sys
it = json.load(sys.stdin)
found = sorted({finding["id"] for finding in (it["report"] or {"findings": []})["findings"]})
print(eval(sys.argv[1]))' "$3"
}

# The console's line that begins with a word.
said() {
    as alice-web console log show "$1" | tr -d '\r' | grep -m1 -o "$2 .*"
}

differ() {
    echo "$1 / $2"
    [ -n "$1" ] && [ -n "$2" ] && [ "$1" != "$2" ]
}

step "A Debian, a service that can clean copies"
guests/debian.sh .cache/guests
guests/cleaner.sh .cache/guests/cleaner
printf '[inspect]\ncleaner = "%s"\n' "$PWD/.cache/guests/cleaner" >"$folder/effigy.toml"
start_service
make_people

step "The administrator uploads it as a Public image"
as effigy image create debian --public --disk-format qcow2 --container-format bare \
    --file .cache/guests/debian.qcow2 >/dev/null
debian=$(as effigy image show debian -f value -c id)
claim "it is looked into" becomes done verification effigy "$debian" 'it["state"]'
claim "nothing was left in it" shows "[]" verification effigy "$debian" 'found'
claim "it has passed, so Bob sees it" shows active as bob image show "$debian" -f value -c status
claim "its record says what it is" property os_distro debian as bob image show "$debian" -f json -c properties

step "Alice sets a machine up, stops it and casts it"
cat >"$folder/user-data" <<'END'
#cloud-config
bootcmd:
  - [sh, -c, 'echo "MACHINE $(cat /etc/machine-id)" >/dev/ttyS0']
runcmd:
  - [sh, -c, 'echo "HOSTKEY $(cat /etc/ssh/ssh_host_ed25519_key.pub)" >/dev/ttyS0']
  - [sh, -c, 'echo INSIDE-READY >/dev/ttyS0']
END
launch() {
    as alice-web server create "$1" --image "$2" --flavor m1.small --nic none --config-drive true \
        --user-data "$folder/user-data" --wait >/dev/null
}
stop() {
    as alice-web server stop "$1"
    becomes SHUTOFF as alice-web server show "$1" -f value -c status
}
launch first "$debian"
claim "it boots" console alice-web first INSIDE-READY
claim "it stops" stop first
as alice-web server image create first --name cast --wait >/dev/null
cast=$(as alice-web image show cast -f value -c id)
claim "the image is looked into" becomes done verification alice-web "$cast" 'it["state"]'
traces='set(found) >= {"ssh_host_key", "machine_id", "cloud_init_state"}'
claim "host keys, machine-id and cloud-init's state were left in it" shows True verification alice-web "$cast" "$traces"
claim "so it did not pass" shows failed verification alice-web "$cast" 'it["verdict"]'

step "She has a copy of it cleaned"
clean=$(effigy_call alice-web POST "/images/$cast/generalize" '{"name": "clean"}' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["image"]["id"])')
claim "the copy is ready" becomes active as alice-web image show "$clean" -f value -c status
claim "it is looked into" becomes done verification alice-web "$clean" 'it["state"]'
claim "nothing of that is left" shows False verification alice-web "$clean" "bool(set(found) & {\"ssh_host_key\", \"machine_id\", \"cloud_init_state\", \"dhcp_lease\", \"shell_history\"})"
claim "it has passed" shows passed verification alice-web "$clean" 'it["verdict"]'
as alice-web image save "$clean" --file "$folder/clean.qcow2"
qemu-img convert -f qcow2 -O raw "$folder/clean.qcow2" "$folder/clean.raw"
# The root is the third partition (guests/debian.sh).
claim "its file system is clean" env PATH="$PATH:/usr/sbin:/sbin" e2fsck -fn "$folder/clean.raw?offset=10485760"
rm -f "$folder"/clean.*

step "Two clones of the copy are two machines"
launch one "$clean"
claim "the first boots" console alice-web one INSIDE-READY
claim "it stops" stop one
launch two "$clean"
claim "the second boots" console alice-web two INSIDE-READY
claim "their machine-ids differ" differ "$(said one MACHINE)" "$(said two MACHINE)"
claim "their host keys differ" differ "$(said one HOSTKEY)" "$(said two HOSTKEY)"
claim "the store is whole" "$effigy" store check --data "$data"
