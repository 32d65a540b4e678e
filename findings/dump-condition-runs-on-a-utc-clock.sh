#!/usr/bin/env bash
# mariadb-dump (Debian's MariaDB 10.11) --where: the tool has set its session to UTC before it asks for rows (--tz-utc, on by default), so the
# condition is judged on another clock than the server's. The same text after SELECT … WHERE picks other rows: a day of a TIMESTAMP column
# is the day of UTC, and NOW() and CURDATE() are hours behind or ahead of local times in a DATETIME column. At +09:00 the dump of one day lacks
# its first nine hours and has nine of the next day, as many rows as it should have; "the last six hours" are fifteen, and at -09:00 they
# would be none. Exit code 0, nothing on stderr. A nightly dump of "yesterday" by cron has such a condition. --skip-tz-utc keeps the clock.
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
# Every fix is stamped twice, both with the depot's own clock: `at` as TIMESTAMP, `wrote` as DATETIME. One fix an hour.
sql -e "CREATE DATABASE depot; CREATE TABLE depot.fixes (at TIMESTAMP, wrote DATETIME);
  INSERT INTO depot.fixes SELECT '2026-01-01 00:30:00' + INTERVAL seq HOUR, '2026-01-01 00:30:00' + INTERVAL seq HOUR FROM depot.seq_0_to_47;
  CREATE TABLE depot.recent LIKE depot.fixes;
  INSERT INTO depot.recent SELECT NOW() - INTERVAL seq * 60 + 30 MINUTE, NOW() - INTERVAL seq * 60 + 30 MINUTE FROM depot.seq_0_to_47"
seen=
dump() { # a table, a condition, options
  local table=$1 condition=$2
  shift 2
  "$bin/mariadb-dump" --no-defaults -S "$dir/sock" --no-create-info --skip-lock-tables --skip-extended-insert "$@" \
    --where="$condition" depot "$table" 2>>errors | grep '^INSERT' >rows
}
for of in "fixes at >= '2026-01-01' AND at < '2026-01-02'" 'recent wrote > NOW() - INTERVAL 6 HOUR'; do
  table=${of%% *} condition=${of#* }
  dump "$table" "$condition" --skip-tz-utc
  local_clock=$(wc -l <rows)
  dump "$table" "$condition"
  seen+="$condition: SELECT $(sql -e "SELECT count(*) FROM depot.$table WHERE $condition"), --skip-tz-utc $local_clock, dump $(wc -l <rows)"
  # The second value of a row is the depot's clock.
  [ "$table" != fixes ] || seen+=", from $(sed -n "1s/.*,'\(.*\)').*/\1/p" rows) to $(sed -n "\$s/.*,'\(.*\)').*/\1/p" rows)"
  seen+=$'\n'
done
seen+="bytes on stderr: $(wc -c <errors)"
expected=$(cat <<'TXT'
at >= '2026-01-01' AND at < '2026-01-02': SELECT 24, --skip-tz-utc 24, dump 24, from 2026-01-01 09:30:00 to 2026-01-02 08:30:00
wrote > NOW() - INTERVAL 6 HOUR: SELECT 6, --skip-tz-utc 6, dump 15
bytes on stderr: 0
TXT
)
printf 'MariaDB %s, time zone +09:00\n%s\n' "$(sql -e 'SELECT version()')" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
