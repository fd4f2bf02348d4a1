#!/usr/bin/env bash
# Makes a disk that boots the micro guest (micro.asm).
#
#   guests/micro.sh FILE [LABEL] [SIZE]      SIZE as truncate takes it; 4M when not said
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
file=${1:?usage: micro.sh FILE [LABEL] [SIZE]}
label=${2:-micro}
size=${3:-4M}

sector=$(mktemp)
trap 'rm -f "$sector"' EXIT
nasm -f bin -o "$sector" "$here/micro.asm"

mkdir -p "$(dirname "$file")"
rm -f "$file"
truncate -s "$size" "$file"
dd if="$sector" of="$file" conv=notrunc status=none
printf '%s' "$label" | dd of="$file" bs=512 seek=1 conv=notrunc status=none
