#!/usr/bin/env bash
# mariadb-dump (Debian's MariaDB 10.11) --compact: TIMESTAMP values are dumped in UTC, as without the option, but the statement that says so,
# SET TIME_ZONE='+00:00', is among what --compact leaves out. Read back into the very server it came from, every fix is earlier by the
# server's offset. Nothing warns: exit codes are 0. (--skip-tz-utc beside it dumps the server's own clock, which reads back right there.)
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
sql -e "CREATE DATABASE depot; CREATE TABLE depot.fixes (id INT, at TIMESTAMP); INSERT INTO depot.fixes VALUES (1, '2026-01-01 12:00:00')"
seen=
for options in '' --compact '--compact --skip-tz-utc'; do
  # shellcheck disable=SC2086 # several options
  "$bin/mariadb-dump" --no-defaults -S "$dir/sock" --skip-lock-tables --no-create-info $options depot fixes >dump.sql 2>errors
  zone=$(grep -c "SET TIME_ZONE='+00:00'" dump.sql || true)
  sql -e 'CREATE OR REPLACE TABLE depot.before_dump AS SELECT * FROM depot.fixes; TRUNCATE depot.fixes'
  sql depot <dump.sql
  seen+="options '$options': zone named $zone times, bytes on stderr $(wc -c <errors), read back as $(sql -e 'SELECT at FROM depot.fixes')"$'\n'
  sql -e 'TRUNCATE depot.fixes; INSERT INTO depot.fixes SELECT * FROM depot.before_dump'
done
expected=$(cat <<'TXT'
options '': zone named 1 times, bytes on stderr 0, read back as 2026-01-01 12:00:00
options '--compact': zone named 0 times, bytes on stderr 0, read back as 2026-01-01 03:00:00
options '--compact --skip-tz-utc': zone named 0 times, bytes on stderr 0, read back as 2026-01-01 12:00:00
TXT
)
printf 'MariaDB %s, time zone +09:00, dumped value 2026-01-01 12:00:00\n%s' "$(sql -e 'SELECT version()')" "$seen"
[ "${seen%$'\n'}" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
