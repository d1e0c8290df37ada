#!/bin/sh
# Has tests keep their files in memory where there is room: a database that waits for a disk at each
# commit doubles the time of those that make many. Runs before the tests; they find the folder as TMPDIR.
set -eu

MEMORY=/dev/shm
ROOM_KIB=4194304 # The files of all tests at work at once are far less.

[ -n "${NEXTEST_ENV:-}" ] || { echo 'test-folder: nextest runs this before the tests' >&2; exit 2; }
[ "$(stat -f -c %T "$MEMORY" 2>/dev/null)" = tmpfs ] || exit 0
free_kib=$(df -k --output=avail "$MEMORY" | tail -n 1)
available_kib=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
[ "$free_kib" -ge "$ROOM_KIB" ] && [ "$available_kib" -ge $((2 * ROOM_KIB)) ] || exit 0

# What earlier runs left behind: a test that was killed removes nothing.
find "$MEMORY" -maxdepth 1 -name 'sekisho-tests-*' -user "$(id -u)" -mmin +120 -exec rm -rf {} +
echo "TMPDIR=$(mktemp -d "$MEMORY/sekisho-tests-XXXXXX")" >>"$NEXTEST_ENV"
