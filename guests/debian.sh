#!/usr/bin/env bash
# Makes a Debian 12 as a cloud would have it: systemd, cloud-init, SSH, the QEMU guest agent.
#
#   guests/debian.sh FOLDER        FOLDER/debian.qcow2 (about 150 MB) and FOLDER/debian.raw
#
# A GPT disk that boots by BIOS and by UEFI, an ext4 root that grows to the instance's disk, a user
# `debian` with the keys of the config drive, the console on the serial port. Must run as root (it
# installs packages into a folder); no loop device and no mount. A minute and a half; about two
# minutes to the login under emulation. A finished disk is kept. SUITE and SIZE_MIB may be set.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: debian.sh FOLDER}
suite=${SUITE:-bookworm}
size=${SIZE_MIB:-1536}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
[ ! -e "$folder/debian.qcow2" ] || exit 0
"$here/../scripts/install.sh" guests run debian-guest

work=$(mktemp -d "$folder/debian.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# ---- the system ----
packages=linux-image-cloud-amd64,initramfs-tools,systemd-sysv,udev,dbus,zstd
packages=$packages,cloud-init,cloud-guest-utils,fdisk,qemu-guest-agent
packages=$packages,openssh-server,sudo,procps,iproute2,ifupdown,isc-dhcp-client,netbase,ca-certificates
mmdebstrap --quiet --mode=root --variant=minbase --include=$packages \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" root

in_root() { chroot root "$@"; }
echo debian >root/etc/hostname
echo 'LABEL=root / ext4 rw,noatime,errors=remount-ro 0 1' >root/etc/fstab
cat >root/etc/cloud/cloud.cfg.d/90-effigy.cfg <<END
datasource_list: [ConfigDrive, NoCloud, None]
locale: C.UTF-8
END
in_root systemctl --quiet enable serial-getty@ttyS0.service
in_root systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer systemd-firstboot.service
# The host keys and the machine id must be each instance's own: its first boot makes them.
rm -f root/etc/ssh/ssh_host_* root/var/lib/dbus/machine-id
: >root/etc/machine-id

# ---- booting: one configuration for both firmwares ----
version=$(basename root/boot/vmlinuz-*)
version=${version#vmlinuz-}
mkdir -p root/boot/grub
cat >root/boot/grub/grub.cfg <<END
serial --unit=0 --speed=115200
terminal_output serial console
set timeout=0
menuentry "Debian" {
    linux /boot/vmlinuz-$version root=LABEL=root ro console=tty0 console=ttyS0,115200 net.ifnames=0 quiet
    initrd /boot/initrd.img-$version
}
END
cat >find-root.cfg <<'END'
search --no-floppy --label --set=root root
configfile ($root)/boot/grub/grub.cfg
END
modules="part_gpt part_msdos ext2 search search_label configfile normal linux serial terminal echo boot"
# shellcheck disable=SC2086 # one word a module
grub-mkimage -O x86_64-efi -o bootx64.efi -p '' -c find-root.cfg $modules fat
# shellcheck disable=SC2086
grub-mkimage -O i386-pc -o core.img -p '' -c find-root.cfg biosdisk $modules

# ---- the disk: 1 MiB for BIOS's second stage, 8 MiB for UEFI, the root ----
truncate -s "${size}M" disk
sfdisk -q disk <<END
label: gpt
start=2048,  size=2048,  type=21686148-6449-6E6F-744E-656564454649
start=4096,  size=16384, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=20480, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
END
mkfs.fat -F12 -n ESP -C esp 8192 >/dev/null
mmd -i esp ::EFI ::EFI/BOOT
mcopy -i esp bootx64.efi ::EFI/BOOT/BOOTX64.EFI
mkfs.ext4 -q -F -L root -m1 -O ^metadata_csum_seed -d root ext4 "$((size - 11))M"
dd if=esp of=disk bs=1M seek=2 conv=notrunc,sparse status=none
dd if=ext4 of=disk bs=1M seek=10 conv=notrunc,sparse status=none

# GRUB's first stage into the boot sector, its second into the first partition. grub-install would
# want a block device; the three places it writes are documented in GRUB's boot.S and diskboot.S.
python3 - <<'END'
import struct

FIRST = 2048  # the sector of the first partition
boot = bytearray(open("/usr/lib/grub/i386-pc/boot.img", "rb").read())
core = bytearray(open("core.img", "rb").read())
sectors = (len(core) + 511) // 512
assert sectors <= 2048, "the second stage does not fit its partition"
struct.pack_into("<Q", boot, 0x5C, FIRST)  # where the second stage begins
boot[0x66:0x68] = b"\x90\x90"  # boot from the drive the BIOS named
struct.pack_into("<QHH", core, 500, FIRST + 1, sectors - 1, 0x820)  # where the rest of it is
with open("disk", "r+b") as disk:
    table = disk.read(512)[440:]
    disk.seek(0)
    disk.write(boot[:440] + table)
    disk.seek(FIRST * 512)
    disk.write(core)
END

qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd disk debian.qcow2
mv disk "$folder/debian.raw"
mv debian.qcow2 "$folder/debian.qcow2"
