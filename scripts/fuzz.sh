#!/usr/bin/env bash
# Fuzzes the parsers of disk formats and the readers of what is inside for a bounded time, with the stable compiler.
#
#   scripts/fuzz.sh [TARGET...]      all of fuzz/targets, and `differ`, when none is named
#
# `guest-ext`, `guest-fat`, `guest-ntfs` (with the registry's hives) and `guest-table` are one target on other disks.
# FUZZ_SECONDS (60) is for each target. A target writes its findings to .cache/fuzz/TARGET-*; run one again with
# `target/fuzz/HOST/release/TARGET FILE`. `differ` holds what is accepted against qemu-img and oslo.utils.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
cache=$PWD/.cache/fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(flat qcow2 vmdk vhd vhdx vdi decompress differ guest-ext guest-fat guest-ntfs guest-table)

guests/zoo.sh .cache/zoo
python3 - .cache/zoo "$cache" <<'PYTHON'
# Seeds: small files whole, those with tables far apart by the pieces that fuzz/targets reads.
import pathlib
import sys

zoo, cache = map(pathlib.Path, sys.argv[1:])
WHOLE = {"flat": "*.iso", "qcow2": "qcow2-*.qcow2", "vmdk": "*.vmdk", "decompress": "raw.raw.*"}
PIECES = {
    "vdi": [(0, 1024)],
    "vhd": [(0, 512), (512, 1024), (1536, 512)],
    "vhdx": [(0, 64), (0x10000, 128), (0x20000, 128), (0x30000, 256), (0x200000, 256), (0x300000, 512), (0x310000, 128)],
}


def seed(target, name, data):
    folder = cache / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


for target, pattern in WHOLE.items():
    for path in zoo.glob(pattern):
        if path.stat().st_size <= 512 << 10:
            seed(target, path.name, path.read_bytes())
for target, places in PIECES.items():
    for path in zoo.glob(f"{target}-*.{target}"):
        data = path.read_bytes()
        seed(target, path.name, b"".join(data[at : at + length] for at, length in places))
PYTHON

# The disks that `guest` changes: $cache/disks/READER.
disks() {
    local disks=$cache/disks tree=$cache/tree
    [ -e "$disks/.made" ] && return
    export PATH=$PATH:/usr/sbin:/sbin
    rm -rf "$disks" "$tree"
    mkdir -p "$disks"/{ext,fat,ntfs,table} "$tree"/{bin,etc/ssh,etc/cloud,root/.ssh,var/lib/dhcp,EFI/BOOT}
    printf 'ID=debian\nVERSION_ID="12"\n' >"$tree/etc/os-release"
    printf 'root::0:0:root:/root:/bin/sh\n' >"$tree/etc/passwd"
    printf 'root:$1$abcdefgh$aaaaaaaaaaaaaaaaaaaaaa:19000:0:99999:7:::\n' >"$tree/etc/shadow"
    printf 'UUID=0 /data ext4 defaults 0 0\n' >"$tree/etc/fstab"
    printf '%s\n' '-----BEGIN OPENSSH PRIVATE KEY-----' bm9uZQ== >"$tree/etc/ssh/ssh_host_rsa_key"
    cp "$tree/etc/ssh/ssh_host_rsa_key" "$tree/root/.ssh/id_rsa"
    echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
    echo 'lease {}' >"$tree/var/lib/dhcp/dhclient.leases"
    head -c 64 /bin/busybox >"$tree/bin/sh"
    cp "$tree/bin/sh" "$tree/EFI/BOOT/BOOTX64.EFI"
    ln -sf ../etc/os-release "$tree/root/link"
    mke2fs -q -F -t ext4 -b 1024 -d "$tree" "$disks/ext/ext4" 4M
    mke2fs -q -F -t ext2 -b 1024 -d "$tree" "$disks/ext/ext2" 1M
    mkfs.fat -C "$disks/fat/fat12" 1024 >/dev/null
    mkfs.fat -F 32 -C "$disks/fat/fat32" 34000 >/dev/null
    for file in "$disks"/fat/*; do
        mcopy -s -i "$file" "$tree/bin" "$tree/etc" "$tree/EFI" ::
    done
    guests/windows.sh "$disks/windows" >/dev/null
    mv "$disks"/windows/{complete,generalized}.raw "$disks/ntfs"
    for label in gpt dos; do
        truncate -s 6M "$disks/table/$label"
        printf 'label: %s\nstart=2048, size=2048\nstart=4096\n' $label | sfdisk -q "$disks/table/$label"
        dd if="$disks/ext/ext2" of="$disks/table/$label" bs=1M seek=1 conv=notrunc status=none
        dd if="$disks/fat/fat12" of="$disks/table/$label" bs=1M seek=2 conv=notrunc status=none
    done
    rm -rf "$tree" "$disks/windows"
    touch "$disks/.made"
}
disks

# LLVM's coverage pass, as libFuzzer wants it.
flags="-Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=" -Cllvm-args=-sanitizer-coverage-$option"
done
host=$(rustc -vV | sed -n 's/^host: //p')
build() {
    RUSTFLAGS=$flags cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml \
        --target-dir target/fuzz --target "$host"
}

for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    if [ "$target" = differ ]; then
        OSLO_PYTHON=$(scripts/clients.sh)/python3 FUZZ_SECONDS=$seconds \
            cargo test --quiet --locked -p effigy-disks --test it differ:: -- --nocapture
        continue
    fi
    [ -n "${built:-}" ] || build
    built=1
    # The decoder may hold a window of 128 MiB; the coverage tables and the corpus come on top of everything.
    memory=192
    [ "$target" != decompress ] || memory=448
    mkdir -p "$cache/$target"
    FUZZ_DISKS=$cache/disks/${target#guest-} "target/fuzz/$host/release/${target%%-*}" "$cache/$target" -max_total_time="$seconds" -timeout=5 \
        -rss_limit_mb=$memory -max_len=$((512 << 10)) -artifact_prefix="$cache/$target-" -verbosity=0 -print_final_stats=1
done
