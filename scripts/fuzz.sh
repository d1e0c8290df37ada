#!/bin/sh
# Fuzzes some targets, or each in turn, for SECONDS_EACH (600): scripts/fuzz.sh [TARGET...]
#
# The first run builds the jail with its libraries once more, which takes longer than the fuzzing; `name` the service too.
# cargo-fuzz is needed and not installed by us. With a nightly compiler it also watches memory (AddressSanitizer);
# without one it runs on the stable one, which can follow coverage all the same: there is hardly any `unsafe` to watch.
# Without cargo-fuzz `SEKISHO_FUZZ_SECONDS=600 cargo nextest run -p sekisho-jail --test fuzz` tries the same promises.
set -eu
cd -- "$(dirname -- "$0")/.."

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo 'fuzz: not run; this machine lacks cargo-fuzz: cargo install cargo-fuzz --locked' >&2
    echo 'fuzz: the same promises, without coverage: SEKISHO_FUZZ_SECONDS=600 cargo nextest run -p sekisho-jail --test fuzz' >&2
    exit 1
fi

fuzz() {
    # Only the cleaner of names is the service's, and the service takes long to build.
    [ "$1" != name ] || set -- --features service "$@"
    if cargo +nightly --version >/dev/null 2>&1; then
        cargo +nightly fuzz run "$@"
    else
        # The compiler's passes for coverage are there, only not open to a stable one by themselves.
        RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$@"
    fi
}

# The versions of dependencies that are shipped.
cp -- Cargo.lock fuzz/Cargo.lock

# A child reads one file and ends: what a decoder forgets to free dies with it (the one of AV1 forgets 48 bytes).
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

seeds=$(mktemp -d)
trap 'rm -rf -- "$seeds"' EXIT INT TERM
cargo run --quiet -p sekisho-tools -- fixtures --out "$seeds/fixtures"
mkdir -p "$seeds/all"
number=0
find "$seeds/fixtures" -type f -size -64k | while read -r file; do
    number=$((number + 1))
    cp -- "$file" "$seeds/all/$number"
done
[ $# -gt 0 ] || set -- report look decode text name
for target; do
    echo "fuzz: $target for ${SECONDS_EACH:-600} s"
    mkdir -p "fuzz/corpus/$target"
    fuzz "$target" "fuzz/corpus/$target" "$seeds/all" -- \
        -max_total_time="${SECONDS_EACH:-600}" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1
done
