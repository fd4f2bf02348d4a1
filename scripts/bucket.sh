#!/usr/bin/env bash
# A real server of S3 on this machine, Ceph's RADOS gateway with one of each daemon, and a command that uses it:
#
#   scripts/bucket.sh COMMAND [ARGUMENT…]
#
# It installs the packages when they are missing (as root), makes a cluster in a temporary folder, a user and the bucket `images`,
# and runs the command with EFFIGY_TEST_STORE set to the server's address. The daemons end with it. BUCKET_STORE=bluestore keeps
# objects in a file in place of the memory; KEEP=1 keeps the folder with the daemons' logs.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,9s/^# \?//p' "$0"; exit 2; }

if ! command -v radosgw >/dev/null || ! command -v ceph-osd >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ceph-mon ceph-osd ceph-mgr radosgw ceph-common >/dev/null
fi

store=${BUCKET_STORE:-memstore}
folder=$(mktemp -d "${TMPDIR:-/tmp}/effigy-ceph.XXXXXX")
ports=$(python3 -c 'import socket
s = [socket.socket() for _ in range(2)]
[one.bind(("127.0.0.1", 0)) for one in s]
print(*[one.getsockname()[1] for one in s])')
read -r monitor gateway <<<"$ports"
conf=$folder/ceph.conf

finish() {
    local status=$?
    trap - EXIT
    for pid in "$folder"/run/*.pid; do
        [ ! -s "$pid" ] || kill -9 "$(cat "$pid")" 2>/dev/null || true
    done
    if [ -n "${KEEP:-}" ]; then echo "The cluster is in $folder"; else rm -rf "$folder"; fi
    exit $status
}
trap finish EXIT

mkdir -p "$folder"/{mon,osd,mgr,rgw,run,log}
cat >"$conf" <<END
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = [v2:127.0.0.1:$monitor]
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
keyring = $folder/keyring
run dir = $folder/run
admin socket = $folder/run/\$cluster-\$name.asok
pid file = $folder/run/\$name.pid
log file = $folder/log/\$name.log
crash dir = $folder/crash
# One copy of each object, on the one daemon there is.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
[mon]
mon data = $folder/mon
# The machine's disk is not this cluster's.
mon data avail crit = 1
[mgr]
mgr data = $folder/mgr
[osd]
osd data = $folder/osd
osd objectstore = $store
memstore device bytes = 4294967296
bluestore block size = 21474836480
osd memory target = 939524096
[client.rgw]
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$gateway
rgw enable usage log = false
END

all='--cap mon "allow *" --cap osd "allow *" --cap mgr "allow *"'
key() { ceph-authtool "$folder/keyring" "${@:2}" --gen-key -n "$1" >/dev/null; }
key mon. --create-keyring --cap mon 'allow *'
for name in client.admin osd.0 mgr.x client.rgw; do
    eval "key $name $all"
done
fsid=$(sed -n 's/^fsid = //p' "$conf")
monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor]" "$folder/monmap" >/dev/null
ceph-mon --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring" -c "$conf"
ceph-mon -i a -c "$conf"
ceph() { command ceph -c "$conf" --connect-timeout 60 "$@"; }
ceph mon enable-msgr2 >/dev/null 2>&1 || true
ceph-mgr -i x -c "$conf"
ceph auth import -i "$folder/keyring" >/dev/null 2>&1
osd=$(cat /proc/sys/kernel/random/uuid)
ceph osd new "$osd" 0 >/dev/null 2>&1
ceph-osd -i 0 --mkfs --osd-uuid "$osd" -c "$conf" >/dev/null 2>&1
ceph-osd -i 0 -c "$conf" >/dev/null
until ceph osd stat 2>/dev/null | grep -q '1 up'; do sleep 0.5; done
radosgw -n client.rgw -c "$conf"
until curl -s -o /dev/null "http://127.0.0.1:$gateway/"; do sleep 0.5; done
radosgw-admin -c "$conf" -n client.admin user create --uid=effigy --display-name=Effigy \
    --access-key=effigy-test --secret-key=not-a-secret-at-all >/dev/null 2>&1
# The bucket, by a signed request of the one tool that is here anyway. It signs no body; there is none.
curl -sf -H "x-amz-content-sha256: $(sha256sum </dev/null | cut -d' ' -f1)" --aws-sigv4 "aws:amz:us-east-1:s3" --user effigy-test:not-a-secret-at-all -X PUT \
    "http://127.0.0.1:$gateway/images" >/dev/null
echo "A RADOS gateway answers on 127.0.0.1:$gateway ($store)."
EFFIGY_TEST_STORE=http://127.0.0.1:$gateway "$@"
