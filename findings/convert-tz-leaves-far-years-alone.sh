#!/usr/bin/env bash
# MariaDB (Debian's 10.11): CONVERT_TZ converts nothing outside 1970 … 2038-01-19 and gives back its argument, not NULL, without a warning.
# Receivers with a week-number rollover report 1999 or years after 2038 every so often; a query that converts such a table to UTC
# mixes both clocks in one column.
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
finish() { [ -z "$server" ] || { kill "$server" && wait "$server" || true; } 2>/dev/null; rm -rf "$dir"; }
trap finish EXIT
cd "$dir"
apt-get download -q mariadb-server-core mariadb-client-core mariadb-client >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
bin=root/usr/bin
mkdir data
root/usr/sbin/mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" --lc-messages-dir="$dir/root/usr/share/mysql" \
  --default-time-zone=+09:00 --skip-grant-tables --skip-networking --socket="$dir/sock" --pid-file="$dir/pid" --log-error="$dir/log" \
  --aria-log-dir-path="$dir/data" 2>"$dir/start.log" &
server=$!
for _ in $(seq 100); do [ -S "$dir/sock" ] && break; sleep 0.2; done
sql() { "$bin/mariadb" --no-defaults -S "$dir/sock" -N "$@"; }
seen=$(sql --show-warnings -e "SELECT CONVERT_TZ('2026-06-01 12:00:00', '+09:00', '+00:00'), CONVERT_TZ('1969-06-01 12:00:00', '+09:00', '+00:00'),
  CONVERT_TZ('2045-06-01 12:00:00', '+09:00', '+00:00'), @@warning_count")
expected=$'2026-06-01 03:00:00\t1969-06-01 12:00:00\t2045-06-01 12:00:00\t0'
printf 'MariaDB %s\n12:00 at +09:00 in UTC, in 2026, 1969 and 2045, and the number of warnings:\n%s\n' "$(sql -e 'SELECT version()')" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
