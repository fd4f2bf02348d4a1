#!/usr/bin/env bash
# The demonstration: a running service with a Public image, two projects, and people.
#
#   scripts/demo.sh start | stop | remove        data under $EFFIGY_DEMO (default ./.demo)
#
# `start` may be run again: what is there stays, and the service is started when it does not run.
# EFFIGY_LISTEN names another address than 127.0.0.1:9292.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${EFFIGY_DEMO:-$root/.demo}
cd "$root"
source scripts/service.sh

running() {
    [ -s "$folder/pid" ] && [[ $(readlink "/proc/$(cat "$folder/pid")/exe" 2>/dev/null) == */effigy* ]]
}

start() {
    mkdir -p "$folder"
    clients=$(scripts/clients.sh)
    if running; then
        address=$(cat "$data/address")
        write_clouds
    else
        echo "Making the cleaner, in which copies of images are generalised"
        guests/cleaner.sh "$folder/cleaner"
        grep -qs '^cleaner = ' "$folder/effigy.toml" ||
            printf '[inspect]\ncleaner = "%s"\n' "$(realpath "$folder/cleaner")" >>"$folder/effigy.toml"
        # Outlives this script, and the terminal it was started from.
        trap '' HUP
        start_service "${EFFIGY_LISTEN:-127.0.0.1:9292}"
    fi
    if [ ! -e "$folder/.furnished" ]; then
        furnish
        touch "$folder/.furnished"
    fi
    tell
}

# The image and the people, once.
furnish() {
    echo "Making a tiny Linux"
    guests/tiny.sh "$folder/guests"
    echo "Making projects and people"
    make_people
    echo "Uploading the image"
    as effigy image create tiny --public --disk-format raw --container-format bare \
        --property os_distro=tiny --file "$folder/guests/tiny.raw" >/dev/null
    # It is everybody's once its verification has passed.
    local deadline=$((SECONDS + 120))
    until as alice-web image show tiny >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || die "the image did not pass its verification: $(as effigy image show tiny)"
    done
}

tell() {
    cat <<END

Effigy answers on $address
  administrator  admin, project admin, password $(sed -n "s/^ *password: *'*\([^']*\).*/\1/p" "$data/clouds.yaml" | head -1)
  alice          projects web and batch, password $(cat "$folder/password")
  bob            project other, the same password
  log            $folder/service.log

The guide, to paste:

  export OS_CLIENT_CONFIG_FILE=$OS_CLIENT_CONFIG_FILE OS_CLOUD=alice-web
  export PATH=$clients:\$PATH
  openstack image list

  # an instance of the Public image; it boots in some seconds and counts its boots on its disk
  openstack server create server-1 --image tiny --flavor m1.tiny --nic none --wait
  openstack console log show server-1 | grep TINY-READY

  # an image can be made of a stopped instance only
  openstack server stop server-1
  openstack server show server-1 -c status            # until it says SHUTOFF
  openstack server image create server-1 --name golden --wait
  openstack image show golden

  # share it with Alice's other project; there it is at once, to launch and nothing else
  openstack image add project golden batch
  openstack --os-cloud alice-batch image list --shared
  openstack --os-cloud alice-batch server create clone --image golden --flavor m1.tiny --nic none --min 3 --max 3 --wait
  openstack --os-cloud alice-batch console log show clone-1 | grep TINY-READY    # boot 2

  # a copy of it without its machine-id, host keys, leases and histories
  curl -s -X POST -H "X-Auth-Token: \$(openstack token issue -f value -c id)" \\
      $address/effigy/v1/images/\$(openstack image show golden -f value -c id)/generalize

  # Bob sees nothing of it
  openstack --os-cloud bob image list

make demo-stop ends it.
END
}

stop() {
    if running; then
        local process
        process=$(cat "$folder/pid")
        kill "$process"
        while [ -e "/proc/$process" ]; do sleep 0.1; done
    fi
    rm -f "$folder/pid"
    end_guests
}

case ${1:-} in
start) start ;;
stop) stop ;;
remove)
    stop
    rm -rf "$folder"
    ;;
*)
    sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//'
    exit 2
    ;;
esac
