#!/usr/bin/env bash
# Makes an NTFS volume with the files of a folder.
#
#   guests/ntfs.sh FILE SIZE FOLDER        FILE, of SIZE (16M), with what is in FOLDER
#
# Folders in an NTFS volume are made by mounting it (ntfs-3g, by FUSE): that needs root, or a fuse that lets users.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
file=${1:?usage: ntfs.sh FILE SIZE FOLDER}
size=${2:?usage: ntfs.sh FILE SIZE FOLDER}
tree=${3:?usage: ntfs.sh FILE SIZE FOLDER}

rm -f "$file"
truncate -s "$size" "$file"
mkntfs -q -F -Q -L guest -p 0 -s 512 "$file" >/dev/null 2>&1
mount=$(mktemp -d "${TMPDIR:-/tmp}/ntfs.XXXXXX")
trap 'umount "$mount" 2>/dev/null || fusermount -u "$mount" 2>/dev/null || true; rmdir "$mount"' EXIT
ntfs-3g -o silent "$file" "$mount"
cp -r "$tree/." "$mount/"
sync -f "$mount"
umount "$mount" 2>/dev/null || fusermount -u "$mount"
# The file system's own process ends a moment after its mount does, and writes until then.
while pgrep -f "ntfs-3g -o silent $file " >/dev/null; do sleep 0.05; done
