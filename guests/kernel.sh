# Sourced by tiny.sh and cleaner.sh: a kernel and its modules, out of Debian's package, which is not installed.

# debian_kernel: downloads the cloud kernel into ./kernel; $version is its version, ./vmlinuz the kernel.
debian_kernel() {
    local package
    package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ { print $2; exit }')
    [ -n "$package" ] || {
        echo "$(basename "$0"): apt knows no linux-image-cloud-amd64; run apt-get update" >&2
        exit 1
    }
    apt-get -qq -o APT::Sandbox::User=root download "$package" >&2
    dpkg-deb -x "$package"_*.deb kernel
    version=$(basename kernel/lib/modules/*)
    cp "kernel/boot/vmlinuz-$version" vmlinuz
}

# put_modules MODULE...: puts modules into ./memory/modules; $order lists those that this kernel has not built in.
put_modules() {
    local module found
    mkdir -p memory/modules
    order=
    for module in "$@"; do
        found=$(find "kernel/lib/modules/$version/kernel" -name "$module.ko*" | head -1)
        case $found in
        '') continue ;; # built into this kernel
        *.xz) xz -dc "$found" >"memory/modules/$module.ko" ;;
        *) cp "$found" "memory/modules/$module.ko" ;;
        esac
        order="$order $module"
    done
}

# pack_memory FILE: the folder ./memory as an initial memory disk.
pack_memory() {
    (cd memory && find . -print0 | LC_ALL=C sort -z | cpio --null --quiet -o -H newc --reproducible) | zstd -q -19 >"$1"
}
