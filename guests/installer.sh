#!/usr/bin/env bash
# Makes a CD (ISO 9660 with El Torito, no partition table) that installs the micro guest: installer.asm.
#
#   guests/installer.sh FILE [LABEL]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
file=${1:?usage: installer.sh FILE [LABEL]}
label=${2:-micro}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/cd"
nasm -f bin -o "$work/micro.bin" "$here/micro.asm"
nasm -f bin -DLABEL="'$label'" -i "$work/" -o "$work/cd/boot.bin" "$here/installer.asm"
genisoimage -quiet -V INSTALLER -b boot.bin -no-emul-boot -boot-load-size 4 -o "$file" "$work/cd"
