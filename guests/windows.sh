#!/usr/bin/env bash
# Makes Windows look-alikes: NTFS volumes with the registry and State.ini that Windows' Setup leaves. No Windows in them.
#
#   guests/windows.sh FOLDER
#
#   generalized.raw, complete.raw                  the bare volumes: after Sysprep, and without it
#   generalized-gpt.raw, complete-gpt.raw          the same as the second partition of a GPT
#
# A few seconds; what is there is kept.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")"
here=$PWD
folder=${1:?usage: windows.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
[ ! -e "$folder/complete-gpt.raw" ] || exit 0

work=$(mktemp -d "$folder/windows.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

make() {
    local name=$1 state=$2 setup=$3
    mkdir -p "$name"/Windows/{System32/config,Setup/State}
    printf '[State]\r\nImageState=%s\r\n' "$state" >"$name/Windows/Setup/State/State.ini"
    # The system's own python3: the hivex module is a Debian package.
    /usr/bin/python3 "$here/hive.py" "$name/Windows/System32/config/SOFTWARE" \
        'Microsoft\Windows\CurrentVersion\Setup\State' ImageState "$state" \
        'Microsoft\Windows NT\CurrentVersion' ProductName 'Windows Server 2022 Datacenter' \
        'Microsoft\Windows NT\CurrentVersion' CurrentBuild 20348
    /usr/bin/python3 "$here/hive.py" "$name/Windows/System32/config/SYSTEM" \
        Setup CmdLine "$setup" 'ControlSet001\Control\ComputerName\ComputerName' ComputerName WIN-TEST
    "$here/ntfs.sh" "$name.raw" 16M "$name"
    # A Microsoft reserved partition, and the volume behind it.
    truncate -s 20M "$name-gpt.raw"
    printf 'label: gpt\nstart=2048,size=2048,type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE\nstart=4096,size=32768,type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n' |
        sfdisk -q "$name-gpt.raw"
    dd if="$name.raw" of="$name-gpt.raw" bs=1M seek=2 conv=notrunc,sparse status=none
    mv "$name.raw" "$name-gpt.raw" "$folder/"
}
make generalized IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE 'oobe\windeploy.exe'
make complete IMAGE_STATE_COMPLETE ''
