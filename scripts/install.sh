#!/usr/bin/env bash
# Installs what this machine lacks of the Debian packages that Effigy needs, and for `check` cargo-deny.
#
#   scripts/install.sh PURPOSE...      purposes: build run guests debian-guest clients test openstack browser pictures fuzz bench
#                                      package image package-test check
#
# It looks for the thing itself (a program, a file), never for a package: a machine may have a newer
# qemu-img from backports or its own Rust, and asking apt for the stock package beside it fails.
# When nothing is missing it takes a few milliseconds, asks nothing, and needs no root.
set -euo pipefail

missing=()
stale=
without_daemons=

# need PACKAGE TEST...: notes the package when the test fails.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
program() { PATH=$PATH:/usr/sbin:/sbin command -v "$1"; }
file() { compgen -G "$1"; }

for purpose in "$@"; do
    case $purpose in
    build)
        need gcc program cc
        need make program make
        need pkg-config program pkg-config
        need libssl-dev pkg-config --exists openssl
        ;;
    run)
        need qemu-system-x86 program qemu-system-x86_64
        need seabios file '/usr/share/seabios/bios-256k.bin'
        # The network card's boot ROM, which QEMU refuses to start without.
        need ipxe-qemu file '/usr/lib/ipxe/qemu/*virtio.rom'
        need qemu-utils program qemu-img
        # Low ports of guests' addresses, where the service is root.
        need nftables program nft
        # The firmware of guests that boot by UEFI.
        need ovmf file '/usr/share/OVMF/OVMF_CODE_4M.fd'
        ;;
    guests)
        need nasm program nasm
        need busybox-static file '/bin/busybox'
        need cpio program cpio
        need e2fsprogs program mkfs.ext4
        need dosfstools program mkfs.fat
        need mtools program mcopy
        need fdisk program sfdisk
        need syslinux program syslinux
        need syslinux-common file '/usr/lib/syslinux/mbr/mbr.bin'
        need zstd program zstd
        need xz-utils program xz
        # The SSH server of tiny, and what it copies files with.
        need dropbear-bin file /usr/sbin/dropbear
        need openssh-client program scp
        # tiny.sh and cleaner.sh download packages without installing them.
        file '/var/lib/apt/lists/*_Packages*' >/dev/null || stale=1
        ;;
    debian-guest)
        need mmdebstrap program mmdebstrap
        need grub-common program grub-mkimage
        need grub-pc-bin file '/usr/lib/grub/i386-pc/boot.img'
        need grub-efi-amd64-bin file '/usr/lib/grub/x86_64-efi/linux.mod'
        need python3 program python3
        ;;
    clients)
        need python3 program python3
        need python3-venv python3 -c 'import venv, ensurepip'
        need curl program curl
        ;;
    test)
        need postgresql file '/usr/lib/postgresql/*/bin/initdb'
        need util-linux program setpriv
        need libnbd-bin program nbdcopy
        # The disks that inspection is tested on, Windows look-alikes among them (guests/windows.sh).
        need e2fsprogs program mkfs.ext4
        need dosfstools program mkfs.fat
        need mtools program mcopy
        need fdisk program sfdisk
        need ntfs-3g program mkntfs
        need python3-hivex /usr/bin/python3 -c 'import hivex'
        # The zoo of disk formats, and what the service opens while it judges them.
        need genisoimage program genisoimage
        need xorriso program xorriso
        need python3 program python3
        need zstd program zstd
        need xz-utils program xz
        need bzip2 program bzip2
        need strace program strace
        # Guests that are reached over ssh, and the packet filter that leads ports to them.
        need openssh-client program ssh
        need nftables program nft
        need iproute2 program ip
        need dnsmasq-base program dnsmasq
        need packer program packer
        ;;
    openstack)
        # Debian's OpenStack. Each daemon is started by the test itself, and nova-compute out of python3-nova: its own package
        # would bring QEMU for every processor that there is.
        for package in keystone placement glance nova libvirt; do
            need "python3-$package" file "/usr/lib/python3/dist-packages/$package*"
        done
        need glance-common file /usr/share/glance-common/glance-api-paste.ini
        need nova-common file /usr/share/nova-common/api-paste.ini
        need nova-conductor program nova-conductor
        need nova-scheduler program nova-scheduler
        need mariadb-server program mariadbd
        need rabbitmq-server program rabbitmq-server
        need python3-amqp file /usr/lib/python3/dist-packages/amqp
        need libvirt-daemon program libvirtd
        need libvirt-daemon-driver-qemu file '/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so'
        need genisoimage program genisoimage
        need libvirt-clients program virsh
        without_daemons=1
        ;;
    fuzz)
        need g++ program g++
        ;;
    browser)
        need chromium-headless-shell program chromium-headless-shell
        need firefox-esr program firefox-esr
        # Korean and Japanese letters, for the console's other languages.
        need fonts-noto-cjk file '/usr/share/fonts/opentype/noto/NotoSansCJK*'
        ;;
    pictures)
        need pngquant program pngquant
        ;;
    bench)
        need nbdkit program nbdkit
        need curl program curl
        need wrk program wrk
        need nginx-light program nginx
        need openssl program openssl
        ;;
    package)
        need dpkg-dev program dpkg-shlibdeps
        need binutils program objcopy
        need python3 program python3
        ;;
    image)
        need mmdebstrap program mmdebstrap
        need python3 program python3
        ;;
    package-test)
        need mmdebstrap program mmdebstrap
        need curl program curl
        need jq program jq
        need systemd program systemd-analyze
        need lintian program lintian
        need systemd-container program systemd-nspawn
        need nasm program nasm
        ;;
    check)
        need git program git
        ;;
    *)
        echo "install.sh: unknown purpose: $purpose" >&2
        exit 2
        ;;
    esac
done

if [ ${#missing[@]} -gt 0 ] || [ -n "$stale" ]; then
    echo "Installing: ${missing[*]:-lists of packages}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        program sudo >/dev/null || {
            echo "Run this as root, or install these packages yourself: ${missing[*]}" >&2
            exit 1
        }
        as_root=(sudo)
    fi
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    # The PostgreSQL package would start a server of its own; the tests start theirs.
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    # The packages of a cloud would all start their daemons.
    policy=/usr/sbin/policy-rc.d
    if [ -n "$without_daemons" ] && [ ! -e $policy ]; then
        may_start_again() { "${as_root[@]}" rm -f "$policy"; }
        trap may_start_again EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
        "${as_root[@]}" chmod +x $policy
    fi
    [ ${#missing[@]} = 0 ] ||
        "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    # The shell is replaced below, and its trap with it.
    if trap -p EXIT | grep -q may_start_again; then may_start_again; fi
    # An installation may remove what conflicts with it: qemu-utils of the backports goes when QEMU of the release comes.
    # So everything is looked for once more.
    [ -n "${INSTALLED_ONCE:-}" ] || INSTALLED_ONCE=1 exec "$0" "$@"
fi

case " $* " in
*" build "*)
    # rust-toolchain.toml names the version; rustup fetches it when cargo first runs.
    command -v cargo >/dev/null || {
        echo "Rust is missing. Install rustup (https://rustup.rs), open a new shell, and try again." >&2
        exit 1
    }
    ;;
esac

# Debian has no package of cargo-deny. It is built once, into the clone, and any version that is installed will do.
CARGO_DENY=0.20.2
case " $* " in
*" check "*)
    tools=$(realpath -m "$(dirname "$0")/../.cache/tools")
    PATH=$PATH:$tools/bin program cargo-deny >/dev/null || {
        echo "Building cargo-deny $CARGO_DENY, once (some minutes)"
        cargo install --quiet --locked --root "$tools" --version "$CARGO_DENY" cargo-deny
    }
    ;;
esac
