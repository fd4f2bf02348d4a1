#!/usr/bin/env bash
# Makes the cleaner: the little Linux that `inspect.cleaner` names, which cures the findings of a copied image.
#
#   guests/cleaner.sh FOLDER       FOLDER/kernel and FOLDER/initramfs (about 15 MB)
#
# Debian's cloud kernel, a static busybox, a static e2fsck, and cleaner-init, all in memory: it has no disk but the copy's,
# and no network. It needs no root, no loop device and no mount. Some 10 seconds; a finished one is kept.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
source "$here/kernel.sh"
folder=${1:?usage: cleaner.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# One that an older cleaner-init is in is made again.
[ ! "$folder/kernel" -nt "$here/cleaner-init" ] || exit 0

work=$(mktemp -d "$folder/cleaner.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

debian_kernel
apt-get -qq -o APT::Sandbox::User=root download e2fsck-static >&2
dpkg-deb -x e2fsck-static_*.deb e2fsck

mkdir -p memory/{bin,dev,proc,sys,volume}
cp /bin/busybox memory/bin/busybox
for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "memory/bin/$applet"
done
cp "$(find e2fsck -name e2fsck.static -type f)" memory/bin/e2fsck
put_modules virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk \
    crc16 crc32c_generic libcrc32c mbcache jbd2 ext4
echo "$order" >memory/modules/order
cp "$here/cleaner-init" memory/init
# The command that find calls for each file: the same program, under the name that tells it what to do.
ln -s ../init memory/bin/blank
chmod +x memory/init
pack_memory initramfs

# The kernel comes last: it says that all is there.
chmod 644 initramfs vmlinuz
mv initramfs "$folder/initramfs"
mv vmlinuz "$folder/kernel"
touch "$folder/kernel"
