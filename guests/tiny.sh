#!/usr/bin/env bash
# Makes tiny: a real Linux in 35 MB, from Debian's cloud kernel and a static busybox.
#
#   guests/tiny.sh FOLDER        FOLDER/tiny.raw: a disk that boots by BIOS, root on /dev/vda2
#
# On its console it says
#
#   TINY-READY <label> boot <n>
#
# counts its boots on its own disk, takes its host name and SSH keys from a config drive, has an
# address from the config drive or DHCP, an SSH server (dropbear), a shell on the serial console, and obeys the power button.
# It needs no root, no loop device and no mount. About 15 seconds; a finished disk is kept.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
source "$(dirname "$0")/kernel.sh"
folder=${1:?usage: tiny.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
[ ! -e "$folder/tiny.raw" ] || exit 0

work=$(mktemp -d "$folder/tiny.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# ---- the kernel ----
debian_kernel

# ---- the initial memory disk: modules in the order they need each other, then the real root ----
mkdir -p memory/{bin,dev,proc,sys,root}
cp /bin/busybox memory/bin/busybox
put_modules virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk \
    failover net_failover virtio_net virtio-rng button evdev cdrom isofs nls_cp437 nls_ascii fat vfat
cat >memory/init <<END
#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
for module in$order; do busybox insmod /modules/\$module.ko; done
tries=0
until [ -b /dev/vda2 ] || [ \$tries = 250 ]; do busybox usleep 20000; tries=\$((tries + 1)); done
busybox mount -t ext4 /dev/vda2 /root || { echo TINY-NO-ROOT; exec busybox sh; }
for name in dev proc sys; do busybox mount -o move /\$name /root/\$name; done
exec busybox switch_root /root /sbin/init
END
chmod +x memory/init
pack_memory initrd

# ---- the root file system ----
mkdir -p root/{bin,sbin,dev,proc,sys,tmp,root,mnt,run,usr/bin,var/lib,etc/dropbear,etc/acpi/PWRF}
chmod 1777 root/tmp
cp /bin/busybox root/bin/busybox
for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "root/bin/$applet"
done
# The SSH server, and what clients copy files with. Both are those of the machine that this is made on, with their libraries.
for program in /usr/sbin/dropbear /usr/bin/scp; do
    [ -x "$program" ] || { echo "tiny.sh: $program is missing; scripts/install.sh guests installs it" >&2; exit 1; }
    for file in "$program" $(ldd "$program" | grep -o '/[^ ]*'); do
        mkdir -p "root$(dirname "$file")"
        cp -L "$file" "root$file"
    done
done
cat >root/sbin/init <<'END'
#!/bin/busybox sh
# Process 1: brings the machine up, says so, then keeps a shell on the console.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=linux
exec </dev/console >/dev/console 2>&1
mount -o remount,rw /
mount -t tmpfs run /run

boots=$(($(cat /var/lib/boots 2>/dev/null || echo 0) + 1))
echo $boots >/var/lib/boots
sync

# The config drive: the host name and keys that the cloud gives this instance.
name=
drive=$(findfs LABEL=config-2 2>/dev/null || findfs LABEL=CONFIG-2 2>/dev/null)
if [ -n "$drive" ] && { mount -o ro -t vfat "$drive" /mnt || mount -o ro -t iso9660 "$drive" /mnt; } 2>/dev/null; then
    meta=/mnt/openstack/latest/meta_data.json
    name=$(sed -n 's/.*"hostname" *: *"\([^"]*\)".*/\1/p' $meta | head -1)
    mkdir -p /root/.ssh
    grep -o 'ssh-[a-z0-9-]* [A-Za-z0-9+/=]*' $meta | sort -u >/root/.ssh/authorized_keys
    # Another instance has other host keys, also where it was made of this one's disk.
    id=$(sed -n 's/.*"uuid" *: *"\([^"]*\)".*/\1/p' $meta | head -1)
    [ "$id" = "$(cat /etc/dropbear/of 2>/dev/null)" ] || rm -f /etc/dropbear/*
    echo "$id" >/etc/dropbear/of
    given() { grep -o "\"$1\" *: *\"[^\"]*\"" /mnt/openstack/latest/network_data.json | head -1 | cut -d'"' -f4; }
    address=$(given ip_address) mask=$(given netmask) gateway=$(given gateway)
    umount /mnt
fi
hostname "${name:-tiny}"

ip link set lo up
if [ -n "${address:-}" ]; then
    ifconfig eth0 "$address" netmask "$mask" up
    [ -z "$gateway" ] || ip route add default via "$gateway"
else
    ip link set eth0 up 2>/dev/null && udhcpc -i eth0 -n -q -t 5 -T 1 -s /etc/udhcpc.sh >/dev/null 2>&1 &
fi
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
# As its owner it believes only root.
chown -R 0:0 /root /etc/dropbear && chmod 700 /root /root/.ssh 2>/dev/null
dropbear -R -s
acpid -d -c /etc/acpi >/dev/null 2>&1 &
echo "TINY-READY $(cat /etc/label) boot $boots, host $(hostname), up $(cut -d' ' -f1 /proc/uptime) s"
cd /root
while :; do setsid cttyhack sh -l; done
END
cat >root/etc/acpi/PWRF/00000080 <<'END'
#!/bin/busybox sh
echo TINY-DOWN >/dev/console
sync
mount -o remount,ro /
poweroff -f
END
cat >root/etc/udhcpc.sh <<'END'
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/${mask:-24}" dev "$interface"
ip route add default via "$router"
echo "nameserver $dns" >/etc/resolv.conf
END
chmod +x root/sbin/init root/etc/udhcpc.sh root/etc/acpi/PWRF/00000080
echo "${LABEL:-tiny}" >root/etc/label
# No password opens it: the console's shell asks for none.
echo 'root:x:0:0:root:/root:/bin/sh' >root/etc/passwd
echo 'root:*:19000:0:99999:7:::' >root/etc/shadow
chmod 600 root/etc/shadow
echo 'export PS1="tiny# " PATH=/bin:/sbin:/usr/bin:/usr/sbin' >root/etc/profile
printf 'NAME="Tiny Linux"\nID=tiny\nVERSION_ID=1\nPRETTY_NAME="Tiny Linux 1"\n' >root/etc/os-release

# ---- the disk: a boot partition for syslinux, a root partition ----
mib() { echo $((($(stat -c %s "$1") + 1048575) / 1048576)); }
boot=$(($(mib vmlinuz) + $(mib initrd) + 2))
data=${ROOT_MIB:-16}
truncate -s $((1 + boot + data))M disk
printf 'label: dos\nlabel-id: 0x74696e79\nstart=2048,size=%d,type=e,bootable\nstart=%d,type=83\n' \
    $((boot * 2048)) $(((1 + boot) * 2048)) | sfdisk -q disk
dd if=/usr/lib/syslinux/mbr/mbr.bin of=disk conv=notrunc bs=440 count=1 status=none

mkfs.fat -F16 -n BOOT -i 54494e59 -C boot.fat $((boot * 1024)) >/dev/null
cat >syslinux.cfg <<'END'
SERIAL 0 115200
DEFAULT tiny
PROMPT 0
TIMEOUT 0
LABEL tiny
  KERNEL vmlinuz
  INITRD initrd
  APPEND console=tty0 console=ttyS0 quiet panic=-1
END
mcopy -i boot.fat vmlinuz initrd syslinux.cfg ::
syslinux --install boot.fat
mkfs.ext4 -q -F -O ^has_journal -m0 -L tiny -E root_owner=0:0 -d root root.ext4 "${data}M"

dd if=boot.fat of=disk bs=1M seek=1 conv=notrunc,sparse status=none
dd if=root.ext4 of=disk bs=1M seek=$((1 + boot)) conv=notrunc,sparse status=none
mv disk "$folder/tiny.raw"
