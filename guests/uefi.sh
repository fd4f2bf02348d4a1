#!/usr/bin/env bash
# Makes a disk that boots the guest of uefi.asm, by UEFI alone: a GPT, and a FAT with the guest in the place where a
# firmware without any variable looks. Its sectors have 512 bytes, or 4096.
#
#   guests/uefi.sh FILE [SECTOR_BYTES]
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
file=${1:?usage: uefi.sh FILE [SECTOR_BYTES]}
sector=${2:-512}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nasm -f bin -o "$work/BOOTX64.EFI" "$here/uefi.asm"
rm -f "$file"
truncate -s 8M "$file"
first=$(((1 << 20) / sector)) count=$(((6 << 20) / sector))
# A new GPT, one partition from the first sector to the last, of the type EFI System.
printf '%s\n' g n 1 "$first" "$((first + count - 1))" t 1 w | fdisk -b "$sector" "$file" >/dev/null
case $sector in 512) code=2 ;; 4096) code=5 ;; esac
mformat -i "$file@@1M" -S "$code" -T "$count" -c 1 ::
mmd -i "$file@@1M" ::EFI ::EFI/BOOT
mcopy -i "$file@@1M" "$work/BOOTX64.EFI" ::EFI/BOOT/BOOTX64.EFI
