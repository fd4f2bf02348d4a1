#!/usr/bin/env bash
# Makes the zoo: one small disk in every format that Debian's tools can write, some of them hostile or broken.
#
#   guests/zoo.sh DIR
#
# zoo.tsv lists the verdict on each file. Every accepted file holds the same disk of 4 MiB: the micro guest where nasm
# is there, a label, bytes that do not compress, a cluster that does, and a last sector.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: zoo.sh DIR}

mkdir -p "$dir"
cd "$dir"
rm -rf ./*

if command -v nasm >/dev/null; then
    nasm -f bin -o boot "$here/micro.asm"
else
    truncate -s 512 boot
fi
python3 - <<'PYTHON'
import random

disk = bytearray(4 << 20)
disk[:512] = open("boot", "rb").read()
disk[512:521] = b"zoo-label"
disk[65536:165536] = random.Random(7).randbytes(100000)
disk[1 << 20:(1 << 20) + 65536] = b"A" * 65536
disk[2 << 20:(2 << 20) + 4096] = b"B" * 4096
disk[-512:] = b"E" * 512
open("src.raw", "wb").write(disk)
PYTHON
rm boot
cp --sparse=always src.raw raw.raw

# made FILE OPTIONS...: the disk in another format.
made() {
    local file=$1
    shift
    qemu-img convert -f raw "$@" src.raw "$file"
}
# encrypted FILE OPTIONS...: the same for LUKS, which times the CPU first and gives up on a busy machine.
encrypted() {
    for _ in 1 2 3 4 5 6 7 8 9; do
        made "$@" --object secret,id=s0,data=secret123 2>/dev/null && return
    done
    made "$@" --object secret,id=s0,data=secret123
}
# patch FILE OFFSET BYTES: the bytes as printf has them.
patch() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
# be64 FILE OFFSET: a big-endian number.
be64() { printf '%d' "0x$(dd if="$1" bs=1 skip="$2" count=8 status=none | od -An -tx1 | tr -d ' \n')"; }

made qcow2-v3.qcow2 -O qcow2
made qcow2-v2.qcow2 -O qcow2 -o compat=0.10
made qcow2-zlib.qcow2 -O qcow2 -c
made qcow2-zstd.qcow2 -O qcow2 -c -o compression_type=zstd
made qcow2-subclusters.qcow2 -O qcow2 -o extended_l2=on,cluster_size=128k
made qcow2-cluster512.qcow2 -O qcow2 -o cluster_size=512
made qcow2-cluster2m.qcow2 -O qcow2 -o cluster_size=2M
made qcow2-lazyref.qcow2 -O qcow2 -o lazy_refcounts=on
made qcow2-prealloc.qcow2 -O qcow2 -o preallocation=metadata
encrypted qcow2-luks.qcow2 -O qcow2 -o encrypt.format=luks,encrypt.key-secret=s0,encrypt.iter-time=10
encrypted qcow2-aes.qcow2 -O qcow2 -o encrypt.format=aes,encrypt.key-secret=s0
cp qcow2-v3.qcow2 qcow2-snap.qcow2
qemu-img snapshot -c s1 qcow2-snap.qcow2
cp qcow2-v3.qcow2 qcow2-bitmap.qcow2
qemu-img bitmap --add qcow2-bitmap.qcow2 b0

# Files that name another one.
extdata=(-o data_file=qcow2-extdata.bin,data_file_raw=on)
qemu-img create -q -f qcow2 "${extdata[@]}" qcow2-extdata.qcow2 4M
qemu-img convert -n -f raw src.raw -O qcow2 qcow2-extdata.qcow2
cp qcow2-extdata.qcow2 qcow2-evil-datafile.qcow2
sed -i 's#qcow2-extdata\.bin#/etc/passwd\x00\x00\x00\x00\x00\x00#' qcow2-evil-datafile.qcow2
qemu-img create -q -f qcow2 -b raw.raw -F raw qcow2-overlay.qcow2
qemu-io -f qcow2 -c 'write -P 0x5a 3M 64k' -c 'write -z 1M 64k' qcow2-overlay.qcow2 >/dev/null
qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw qcow2-evil-backing.qcow2 4M
nbd='json:{"driver":"nbd","server":{"type":"inet","host":"127.0.0.1","port":"1"}}'
qemu-img create -q -f qcow2 -u -b "$nbd" -F raw qcow2-evil-json.qcow2 4M

# Broken files: the first entry of the L1 table names a place far out; the end is missing.
cp qcow2-v3.qcow2 qcow2-corrupt.qcow2
patch qcow2-corrupt.qcow2 "$(be64 qcow2-v3.qcow2 40)" '\x80\xff\xff\xff\xff\xff\x00\x00'
head -c 200000 qcow2-v3.qcow2 >qcow2-truncated.qcow2

for subformat in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat streamOptimized; do
    made "vmdk-$subformat.vmdk" -O vmdk -o "subformat=$subformat"
done
made vmdk-zeroed.vmdk -O vmdk -o subformat=monolithicSparse,zeroed_grain=on
made vhd-dynamic.vhd -O vpc -o subformat=dynamic,force_size=on
made vhd-fixed.vhd -O vpc -o subformat=fixed,force_size=on
made vhdx-dynamic.vhdx -O vhdx -o subformat=dynamic
made vhdx-fixed.vhdx -O vhdx -o subformat=fixed
made vdi-dynamic.vdi -O vdi
made vdi-static.vdi -O vdi -o static=on
made parallels.hdd -O parallels
made qed.qed -O qed
made qcow1.qcow -O qcow
encrypted luks.luks -O luks -o key-secret=s0,iter-time=10

mkdir files
echo hello >files/readme.txt
printf 'instance-id: i-1\n' >files/meta-data
genisoimage -quiet -V cidata -J -r -o genisoimage.iso files 2>/dev/null
xorriso -as mkisofs -quiet -V ZOO -o xorriso.iso files 2>/dev/null
rm -r files

# Files that are two things at a time.
cp genisoimage.iso polyglot-iso-qcow2.iso
head -c 512 qcow2-v3.qcow2 | dd of=polyglot-iso-qcow2.iso conv=notrunc status=none
cp vhd-fixed.vhd polyglot-vhd-qcow2.vhd
head -c 512 qcow2-v3.qcow2 | dd of=polyglot-vhd-qcow2.vhd conv=notrunc status=none
{ printf '\r\n#  DISK descriptorfile\r\nVERSION=1\r\n' && cat vmdk-monolithicFlat.vmdk; } >vmdk-text-padded.vmdk
truncate -s 64K vmdk-text-padded.vmdk

zstd -q -f src.raw -o raw.raw.zst
gzip -nkc src.raw >raw.raw.gz
xz -kc src.raw >raw.raw.xz
tar cf ova-like.tar vmdk-streamOptimized.vmdk
