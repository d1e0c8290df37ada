#!/bin/sh
# Fuzzes one target, or each in turn, for SECONDS (600): scripts/fuzz.sh [TARGET]
#
# cargo-fuzz and a nightly compiler are needed and not installed by us. Without them,
# `SEKISHO_FUZZ_SECONDS=600 cargo nextest run -p sekisho-jail --test fuzz` tries the same promises.
set -eu
cd -- "$(dirname -- "$0")/.."

lacking=''
cargo fuzz --version >/dev/null 2>&1 || lacking="$lacking
  cargo-fuzz: cargo install cargo-fuzz --locked"
cargo +nightly --version >/dev/null 2>&1 || lacking="$lacking
  a nightly compiler: rustup toolchain install nightly"
if [ -n "$lacking" ]; then
    echo "fuzz: not run; this machine lacks:$lacking" >&2
    echo 'fuzz: the same promises, without coverage: SEKISHO_FUZZ_SECONDS=600 cargo nextest run -p sekisho-jail --test fuzz' >&2
    exit 1
fi

seeds=$(mktemp -d)
trap 'rm -rf -- "$seeds"' EXIT INT TERM
cargo run --quiet -p sekisho-tools -- fixtures --out "$seeds/fixtures"
mkdir -p "$seeds/all"
number=0
find "$seeds/fixtures" -type f -size -64k | while read -r file; do
    number=$((number + 1))
    cp -- "$file" "$seeds/all/$number"
done
for target in ${1:-report look decode text name}; do
    echo "fuzz: $target for ${SECONDS_EACH:-600} s"
    cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "$seeds/all" -- \
        -max_total_time="${SECONDS_EACH:-600}" -timeout=10 -rss_limit_mb=1024
done
