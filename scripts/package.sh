#!/usr/bin/env bash
# Makes what one installs: Debian packages, an installation below a prefix, an image for containers.
#
#   scripts/package.sh deb [FOLDER]        effigy_VERSION_ARCH.deb and effigy-dbgsym_VERSION_ARCH.deb; else in target/package
#   scripts/package.sh install             the same files below PREFIX (/usr/local), in DESTDIR if it is set
#   scripts/package.sh image [FOLDER]      effigy_VERSION_ARCH.oci.tar, an image in OCI's layout, of the package in the folder
#   scripts/package.sh config              the packaged configuration, made of docs/configuration.md
#   scripts/package.sh check [--full]      makes the packages twice and compares the bytes; --full: compiles twice too
#
# EFFIGY names the program; without, a release is built into target/package/build, in which no path of this machine stands.
# The package's version is what the program says of itself (build.rs), in Debian's words: 0.1.0-git… is 0.1.0~git….
# Times in the packages are those of the last commit, or SOURCE_DATE_EPOCH.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
umask 022
export LC_ALL=C TZ=UTC

die() {
    echo "package.sh: $*" >&2
    exit 1
}

# The time that everything in a package has.
set_epoch() {
    [ -z "${SOURCE_DATE_EPOCH:-}" ] || return 0
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md")
    export SOURCE_DATE_EPOCH
}

# Compiles a release into a folder, and says where the program is. Neither this folder nor cargo's stands in it.
build() {
    local into=$1 cargo=${CARGO_HOME:-$HOME/.cargo}
    "$root/scripts/install.sh" build >&2
    [[ "$root$cargo" != *' '* ]] || die "a path with a blank cannot be taken out of the program: clone into another folder"
    # The last one that matches is taken, and the target folder may lie below the clone.
    local moved=(--remap-path-prefix="$cargo=/cargo" --remap-path-prefix="$root=/effigy" --remap-path-prefix="$into=/effigy/target")
    local moved_c="-ffile-prefix-map=$cargo=/cargo -ffile-prefix-map=$root=/effigy -ffile-prefix-map=$into=/effigy/target"
    (
        cd "$root"
        RUSTFLAGS="${RUSTFLAGS:-} ${moved[*]}" CFLAGS="${CFLAGS:-} $moved_c" CARGO_TARGET_DIR=$into \
            cargo build --release --locked --bin effigy >&2
    )
    echo "$into/release/effigy"
}

# Sets $program, $version (Debian's) and $arch.
find_program() {
    program=${EFFIGY:-}
    [ -n "$program" ] || program=$(build "$root/target/package/build")
    [ -x "$program" ] || die "there is no $program; run: make build"
    local said
    said=$("$program" --version)
    said=${said#effigy }
    version=${PACKAGE_VERSION:-${said/-/\~}}
    arch=$(dpkg --print-architecture 2>/dev/null || uname -m)
}

# A machine without Node builds no console, and says so in a line that nobody sees.
has_console() {
    [ -e "$root/console/dist/index.html" ] || [ -n "${WITHOUT_CONSOLE:-}" ] ||
        die "the console is not built, which needs Node 20.19; WITHOUT_CONSOLE=1 packages the program without it"
}

# The packaged configuration: the example of the documentation, in which each setting is a comment but the data folder.
config() {
    cat <<END
# Settings of Effigy. Each stands here as a comment with its default; remove the '#' before one that you change.
# effigy config check --config THIS_FILE prints what holds. Restart the service after a change: guests go on.
# Secrets may stand in /etc/effigy/environment in place of here, as EFFIGY__DATABASE__URL=…

END
    awk -v data="$1" '
        /^```/ { inside = /^```toml$/ && !done; if (!inside && seen) done = 1; if (inside) seen = 1; next }
        !inside { next }
        /^data = / { sub(/"[^"]*"/, "\"" data "\"") ; print; next }
        /^[a-z_]+ = / { print "# " $0; next }
        /^ +#/ { print "# " $0; next }
        { print }
    ' "$root/docs/configuration.md"
}

# Puts everything but Debian's own files below a folder: tree FOLDER PREFIX PROGRAM ZSH_FOLDER FISH_FOLDER.
tree() {
    local into=$1 prefix=$2 binary=$3 zsh=$4 fish=$5 share doc page
    share=$into$prefix/share
    doc=$share/doc/effigy
    install -Dm755 "$binary" "$into$prefix/bin/effigy"
    install -d "$share/man/man1" "$doc/examples"
    "$program" man "$share/man/man1"
    gzip -9n "$share/man/man1"/*
    local completions=$share/bash-completion/completions/effigy
    install -d "${completions%/*}" "$share/$zsh" "$share/$fish"
    "$program" completions bash >"$completions"
    "$program" completions zsh >"$share/$zsh/_effigy"
    "$program" completions fish >"$share/$fish/effigy.fish"
    for page in "$root"/docs/*.md; do install -m644 "$page" "$doc/"; done
    install -m644 "$root/packaging/as-root.conf" "$doc/examples/"
    "$root/scripts/notices.py" | gzip -9n >"$doc/notices.gz"
}

# The program without its symbols at $1/effigy, and those at $1/ID.debug. Sets $build_id.
strip_program() {
    build_id=$(readelf -n "$program" | awk '/Build ID:/ { print $3 }')
    [ -n "$build_id" ] || die "$program has no build id, by which debuggers find its symbols"
    local symbols=$1/${build_id:2}.debug
    objcopy --only-keep-debug --compress-debug-sections "$program" "$symbols"
    strip --strip-all --remove-section=.comment -o "$1/effigy" "$program"
    objcopy --add-gnu-debuglink="$symbols" "$1/effigy"
}

# The fields of a package's control file: control FOLDER NAME, and more fields on standard input.
control() {
    install -d "$1/DEBIAN"
    {
        echo "Package: $2"
        echo "Version: $version"
        echo "Architecture: $arch"
        echo "Maintainer: $maintainer"
        echo "Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$1" | cut -f1)"
        echo "Homepage: https://github.com/effigy-cloud/effigy"
        cat
    } >"$1/DEBIAN/control"
    (cd "$1" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | sort | xargs -r md5sum >DEBIAN/md5sums)
    find "$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
}

# The libraries that the program is linked to, as Debian names the packages that have them.
libraries() {
    mkdir -p "$work/debian"
    printf 'Source: effigy\n\nPackage: effigy\nArchitecture: any\n' >"$work/debian/control"
    (cd "$work" && dpkg-shlibdeps -O "$1" 2>"$work/libraries.log") | sed -n 's/^shlibs:Depends=//p'
}

# Makes both packages in a folder.
deb() {
    local folder=$1
    "$root/scripts/install.sh" package >&2
    find_program
    has_console
    set_epoch
    dpkg --validate-version "$version" || die "$version is not a version of Debian's"
    maintainer="${DEBFULLNAME:-The developers of Effigy} <${DEBEMAIL:-effigy@effigy-cloud.invalid}>"
    mkdir -p "$folder"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    strip_program "$work"

    local main=$work/main symbols=$work/symbols doc=$work/main/usr/share/doc/effigy script depends
    depends=$(libraries "$work/effigy") && [ -n "$depends" ] ||
        die "a library of the program is in no package of Debian's: $(cat "$work/libraries.log")"
    tree "$main" /usr "$work/effigy" zsh/vendor-completions fish/vendor_completions.d
    install -Dm644 "$root/packaging/effigy.service" "$main/usr/lib/systemd/system/effigy.service"
    install -d "$main/etc/effigy"
    config /var/lib/effigy >"$main/etc/effigy/effigy.toml"
    install -m644 "$root/packaging/debian/copyright" "$doc/copyright"
    gzip -9nc "$root/CHANGELOG.md" >"$doc/NEWS.md.gz"
    printf 'effigy (%s) unstable; urgency=medium\n\n  * NEWS.md.gz beside this file says what there is.\n\n -- %s  %s\n' \
        "$version" "$maintainer" "$(date -Rud "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
    install -d "$main/DEBIAN"
    for script in postinst prerm postrm; do install -m755 "$root/packaging/debian/$script" "$main/DEBIAN/"; done
    echo /etc/effigy/effigy.toml >"$main/DEBIAN/conffiles"
    control "$main" effigy <<END
Section: admin
Priority: optional
Depends: $depends, adduser
Recommends: ca-certificates, iproute2, nftables, ovmf, qemu-system-x86
Suggests: postgresql, python3-openstackclient, qemu-utils
Description: image service for virtual machines, in one program
 Effigy keeps images of virtual machines: you take a machine that is set up,
 make an image of it, share it with other projects, and launch as many copies
 as are needed. It speaks OpenStack's Identity, Image and Compute APIs and has
 a web console.
 .
 Instances run with QEMU, which this package recommends. Without it the
 service keeps images alone.
END

    install -Dm644 "$work/${build_id:2}.debug" "$symbols/usr/lib/debug/.build-id/${build_id:0:2}/${build_id:2}.debug"
    install -d "$symbols/usr/share/doc"
    ln -s effigy "$symbols/usr/share/doc/effigy-dbgsym"
    control "$symbols" effigy-dbgsym <<END
Section: debug
Priority: optional
Depends: effigy (= $version)
Auto-Built-Package: debug-symbols
Build-Ids: $build_id
Description: debug symbols of effigy
END
    local name
    for name in main:effigy symbols:effigy-dbgsym; do
        dpkg-deb --root-owner-group -Zxz --build "$work/${name%:*}" "$folder/${name#*:}_${version}_$arch.deb" >/dev/null
        echo "$folder/${name#*:}_${version}_$arch.deb"
    done
}

# Installs below PREFIX. A configuration that is in DESTDIR already stays.
install_files() {
    local prefix=${PREFIX:-/usr/local} into=${DESTDIR:-}
    "$root/scripts/install.sh" package >&2
    find_program
    has_console
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    strip_program "$work"
    tree "$into" "$prefix" "$work/effigy" zsh/site-functions fish/vendor_completions.d
    install -d "$into$prefix/lib/systemd/system" "$into/etc/effigy"
    sed "s|/usr/bin/effigy|$prefix/bin/effigy|; s|/usr/share/doc|$prefix/share/doc|" "$root/packaging/effigy.service" \
        >"$into$prefix/lib/systemd/system/effigy.service"
    if [ ! -e "$into/etc/effigy/effigy.toml" ]; then
        # It may get passwords in it.
        config /var/lib/effigy >"$work/effigy.toml"
        install -m 0640 "$work/effigy.toml" "$into/etc/effigy/effigy.toml"
    fi
    echo "Installed effigy $version below $into$prefix. Its unit needs a user, who reads the configuration and opens /dev/kvm:"
    echo "  adduser --system --group effigy && adduser effigy kvm && chgrp effigy /etc/effigy/effigy.toml"
}

# An image of Debian with the package, made of the package sources of this machine. Neither these, which may have a password
# in them, nor its name and its resolver are in the image.
image() {
    local folder=$1 deb
    "$root/scripts/install.sh" package image >&2
    [ "$(id -u)" = 0 ] || die "an image is made as root"
    set_epoch
    find_program
    deb=$folder/effigy_${version}_$arch.deb
    [ -e "$deb" ] || deb "$folder"
    work=${work:-$(mktemp -d)}
    trap 'rm -rf "$work"' EXIT
    "$root/scripts/bare-debian.sh" "$work/root.tar" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-include=/usr/share/doc/effigy/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="copy-in '$deb' /tmp" \
        --customize-hook='chroot "$1" apt-get update -qq' \
        --customize-hook="chroot \"\$1\" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            /tmp/${deb##*/} $(dpkg-deb -f "$deb" Recommends | tr -d ,)" \
        --customize-hook="rm -f \"\$1/tmp/${deb##*/}\"" \
        --customize-hook='rm -rf "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d'
    "$root/scripts/oci.py" "$work/root.tar" "$folder/effigy_${version}_$arch.oci.tar" --version "$version" --arch "$arch"
    echo "$folder/effigy_${version}_$arch.oci.tar"
}

# Makes the packages twice and compares them.
check() {
    local first=$root/target/package/first second=$root/target/package/second one other
    rm -rf "$first" "$second"
    if [ "${1:-}" = --full ]; then
        one=$(build "$first/build")
        other=$(build "$second/build")
        EFFIGY=$one "$0" deb "$first" >/dev/null
        EFFIGY=$other "$0" deb "$second" >/dev/null
    else
        # The second time later, in another folder, with another mask, language and zone.
        one=${EFFIGY:-}
        [ -n "$one" ] || one=$(build "$root/target/package/build")
        EFFIGY=$one "$0" deb "$first" >/dev/null
        mkdir -p "$second/elsewhere"
        (umask 077 && EFFIGY=$one TMPDIR=$second/elsewhere LC_ALL=C.UTF-8 TZ=Asia/Seoul "$0" deb "$second" >/dev/null)
    fi
    local package
    for package in "$first"/*.deb; do
        cmp "$package" "$second/${package##*/}" || die "${package##*/} is not the same twice"
        echo "the same twice: $(sha256sum "$package" | cut -c1-16)… ${package##*/}"
    done
    rm -rf "$first" "$second"
}

case ${1:-} in
deb) deb "$(realpath -m "${2:-$root/target/package}")" ;;
install) install_files ;;
image) image "$(realpath -m "${2:-$root/target/package}")" ;;
config) config /var/lib/effigy ;;
check) check "${2:-}" ;;
*)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
