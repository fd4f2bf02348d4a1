#!/usr/bin/env bash
# Makes a disk that boots the guest of uefi.asm, by UEFI alone: a GPT, and a FAT with the guest in the place where a
# firmware without any variable looks.
#
#   guests/uefi.sh FILE
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
file=${1:?usage: uefi.sh FILE}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nasm -f bin -o "$work/BOOTX64.EFI" "$here/uefi.asm"
rm -f "$file"
truncate -s 8M "$file"
printf 'label: gpt\nstart=2048,size=12288,type=U\n' | sfdisk -q "$file"
mformat -i "$file@@1M" -T 12288 ::
mmd -i "$file@@1M" ::EFI ::EFI/BOOT
mcopy -i "$file@@1M" "$work/BOOTX64.EFI" ::EFI/BOOT/BOOTX64.EFI
