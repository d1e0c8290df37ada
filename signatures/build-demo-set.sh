#!/bin/sh
# Builds the demo's ClamAV signature set, so that it is dated and fresh: clamd's VERSION carries a
# date only once a daily.* container is loaded. The set holds Sekisho's canaries, its test signatures
# and the hash of the EICAR test file, nothing else; it is for the demo and the tests, and is marked as such by its builder.
#
#   signatures/build-demo-set.sh DIR        writes DIR/daily.cud, replacing an older one
#
# For a set that is already old, run it under faketime: faketime '3 days ago' signatures/build-demo-set.sh DIR
set -eu

if [ $# -ne 1 ]; then
    echo "usage: $0 DIR" >&2
    exit 2
fi
if ! command -v sigtool >/dev/null 2>&1; then
    echo "$0: sigtool is missing; install the package clamav" >&2
    exit 2
fi

sources=$(CDPATH='' cd -- "$(dirname -- "$0")/clamav" && pwd)
mkdir -p -- "$1"
target=$(CDPATH='' cd -- "$1" && pwd)
# Beside the target, so that the last step is a rename: clamd never reads half a set.
work=$(mktemp -d -- "$target/.build.XXXXXX")
trap 'rm -rf -- "$work"' EXIT INT TERM

cp -- "$sources/sekisho-canary.hdb" "$work/daily.hdb"
cp -- "$sources/sekisho-canary.ndb" "$work/daily.ndb"
cp -- "$sources/sekisho-test.hsb" "$work/daily.hsb"
cp -- "$sources/sekisho-test.ldb" "$work/daily.ldb"
cp -- "$sources/COPYING" "$work/COPYING"
# sigtool takes the builder's name from SIGNDUSER, and a version it cannot find from the command line.
if ! (cd -- "$work" && SIGNDUSER=sekisho-demo sigtool --build=daily.cud --unsigned --no-cdiff \
    --cvd-version=1 --datadir="$work" </dev/null >build.log 2>&1); then
    cat -- "$work/build.log" >&2
    exit 1
fi
mv -f -- "$work/daily.cud" "$target/daily.cud"
