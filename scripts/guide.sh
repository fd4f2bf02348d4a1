#!/usr/bin/env bash
# The guide, end to end: from an image that everybody may use, to an instance that somebody has set
# up, to an image of it, shared with another project and launched there three times.
#
#   scripts/guide.sh             (or: make guide)
#
# It starts a service of its own in a temporary folder, with real (if tiny) guests under QEMU, and
# does everything with the `openstack` command, as a person would. Every claim is checked: the first
# that does not hold ends the script with what was seen. KEEP=1 keeps the folder.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d "${TMPDIR:-/tmp}/effigy-guide.XXXXXX")
source scripts/service.sh
clients=$(scripts/clients.sh)
source scripts/claims.sh
trap finish EXIT

# An image that nobody vouches for, and a stranger who looks for it.
held_back() {
    as effigy image create unknown --public --disk-format raw --container-format bare \
        --file "$folder/golden.raw" -f value -c id >"$folder/unknown.id"
    refused "No Image found" as bob image show "$(cat "$folder/unknown.id")" &&
        as effigy image delete "$(cat "$folder/unknown.id")"
}

# ------------------------------------------------------------------ a cloud
step "A service, two projects of Alice's (web and batch), and Bob, who has neither"
start_service
make_people

step "The administrator uploads an image and makes it Public"
guests/micro.sh "$folder/golden.raw" golden 4M
claim "with nothing said, one whose inside is unknown is everybody's only when that is known (not Bob's)" held_back
as effigy image create golden --public --disk-format raw --container-format bare \
    --property effigy_public_reason="a boot sector of our own, with no system to look into" \
    --file "$folder/golden.raw" -f value -c id >"$folder/golden.id"
claim "the image is ready" shows "active" as effigy image show golden -f value -c status
claim "Alice sees it" lists golden as alice-web image list --public -f value -c Name
claim "Bob sees it" lists golden as bob image list --public -f value -c Name

# ------------------------------------------------------------------ an instance
step "Alice launches it in her project web"
as alice-web server create server-1 --image golden --flavor m1.nano --nic none --wait >/dev/null
claim "it boots for the first time" console alice-web server-1 "MICRO-READY golden 0001 OK"

step "An image can be made of a stopped instance only"
claim "making one while it runs is refused (409)" refused 409 \
    as alice-web server image create server-1 --name too-early
as alice-web server stop server-1
claim "it stops" becomes SHUTOFF as alice-web server show server-1 -f value -c status
claim "the guest was asked, not cut off" console alice-web server-1 "MICRO-DOWN"

# ------------------------------------------------------------------ the image of it
step "Alice casts it into an image"
as alice-web server image create server-1 --name cast --wait >/dev/null
cast=$(as alice-web image show cast -f value -c id)
claim "the image is ready" shows "active" as alice-web image show cast -f value -c status
claim "it starts Private" shows "private" as alice-web image show cast -f value -c visibility
claim "it knows the image it came from" property base_image_ref "$(cat "$folder/golden.id")" \
    as alice-web image show cast -f json -c properties
claim "it knows the instance it was made of" property instance_uuid "$(as alice-web server show server-1 -f value -c id)" \
    as alice-web image show cast -f json -c properties

step "Downloaded, it is what the guest wrote"
as alice-web image save cast --file "$folder/cast.qcow2"
qemu-img convert -f qcow2 -O raw "$folder/cast.qcow2" "$folder/cast.raw"
expected_disk "$folder/golden.raw" 1 "$folder/cast.raw" >"$folder/expected.raw"
claim "byte for byte, its boot counted once" cmp "$folder/expected.raw" "$folder/cast.raw"

# ------------------------------------------------------------------ sharing
step "Bob sees nothing of it"
claim "not in his list" lists_no cast as bob image list -f value -c Name
claim "not by its id" refused "No Image found" as bob image show "$cast"
claim "and cannot launch it" refused "" as bob server create theft --image "$cast" --flavor m1.nano --nic none

step "Alice shares it with her project batch"
as alice-web image add project "$cast" batch >/dev/null
claim "in batch it is listed at once" lists cast as alice-batch image list --shared -f value -c Name
claim "with nothing to accept" shows "accepted" as alice-web image member list "$cast" -f value -c Status
claim "in batch it cannot be changed (403)" refused 403 as alice-batch image set "$cast" --name mine
claim "nor shared on (403)" refused 403 as alice-batch image add project "$cast" web
claim "nor deleted (403)" refused 403 as alice-batch image delete "$cast"
claim "Bob still sees nothing" refused "No Image found" as bob image show "$cast"
claim "she cannot share with a project that is not hers (403)" refused 403 \
    as alice-web image add project "$cast" "$(as bob token issue -f value -c project_id)"

# ------------------------------------------------------------------ many of it
step "The load grows: three clones in one call"
as alice-batch server create clone --image "$cast" --flavor m1.nano --nic none --min 3 --max 3 --wait >/dev/null
clones=$(as alice-batch server list --name '^clone' -f value -c ID)
claim "there are three" test "$(wc -w <<<"$clones")" = 3
for clone in $clones; do
    claim "clone $clone goes on where the first stopped" console alice-batch "$clone" "MICRO-READY golden 0002 OK"
done

# ------------------------------------------------------------------ a service that is restarted, a cloud without sharing
step "The service is restarted, as a cloud without sharing; the guests do not notice"
stop_service
printf '[sharing]\nscope = "off"\n' >"$folder/effigy.toml"
start_service
for clone in $clones; do
    claim "clone $clone runs" shows "ACTIVE" as alice-batch server show "$clone" -f value -c status
done
claim "sharing is refused and says why (403)" refused 403 as alice-web image add project "$cast" batch
claim "the reason is the deployment's" refused "shar" as alice-web image add project "$cast" batch

# ------------------------------------------------------------------ the end of it
step "Alice deletes the image; the clones do not need it"
as alice-web image delete "$cast"
claim "it is gone" refused "No Image found" as alice-web image show "$cast"
"$effigy" store sweep --data "$data" >/dev/null
for clone in $clones; do
    as alice-batch server reboot --hard "$clone" >/dev/null
    claim "clone $clone runs, and boots again" console alice-batch "$clone" "MICRO-READY golden 0003 OK"
done
claim "the store is whole" "$effigy" store check --data "$data"

step "Everything is taken down"
# shellcheck disable=SC2086 # one word an id
as alice-batch server delete --wait $clones
as alice-web server delete --wait server-1
claim "the store is still whole" "$effigy" store check --data "$data"
