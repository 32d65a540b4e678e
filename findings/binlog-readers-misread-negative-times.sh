#!/usr/bin/env bash
# @vlasky/zongji 0.9.0 and @powersync/mysql-zongji 0.6.2 from npm (forks of one reader of the binary log for Node.js) on
# Debian's MariaDB 10.11: a negative TIME of whole minutes is read wrong, with 64 seconds, and one of whole hours with 63 minutes, too:
# '-00:05:00' comes as '-00:04:64', '-01:00:00' as '-00:63:64'. (The bits of the whole value are turned over, but the one that is added then
# goes to the seconds alone and is not carried.) Positive values are right, and so are negative ones with seconds, so that a few tests pass.
# No error, no warning. A deviation from a timetable is such a value: a bus that is five minutes early is 304 seconds early for whoever adds
# up hours, minutes and seconds (moment does), NULL for MariaDB's own CAST, and an error for PostgreSQL's interval.
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
finish() { [ -z "$server" ] || { kill "$server" && wait "$server" || true; } 2>/dev/null; rm -rf "$dir"; }
trap finish EXIT
cd "$dir"
apt-get download -q mariadb-server-core mariadb-client-core mariadb-client >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @vlasky/zongji@0.9.0 @powersync/mysql-zongji@0.6.2
bin=root/usr/bin
mkdir data
root/usr/sbin/mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" --lc-messages-dir="$dir/root/usr/share/mysql" \
  --log-bin="$dir/data/bin" --binlog-format=ROW --server-id=1 --skip-grant-tables --skip-networking --socket="$dir/sock" \
  --pid-file="$dir/pid" --log-error="$dir/log" --aria-log-dir-path="$dir/data" 2>"$dir/start.log" &
server=$!
for _ in $(seq 100); do [ -S "$dir/sock" ] && break; sleep 0.2; done
sql() { "$bin/mariadb" --no-defaults -S "$dir/sock" -N "$@"; }
sql -e "CREATE DATABASE depot; CREATE TABLE depot.deviations (id INT, late TIME, precise TIME(3));
  INSERT INTO depot.deviations VALUES (1, '00:05:00', '00:05:00'), (2, '-00:05:00', '-00:05:00'), (3, '-00:05:30', '-00:05:30'),
    (4, '-01:00:00', '-01:00:00')"
cat >ask.cjs <<'JS'
const [, , name, socketPath] = process.argv;
const module_ = require(name);
const log = new (module_.default ?? module_)({ socketPath, user: 'root' });
const rows = [];
log.on('error', (error) => {
  console.log(`${name}: ${error.message}`);
  process.exit(1);
});
log.on('binlog', (event) => {
  for (const { id, late, precise } of event.rows ?? []) rows.push(`${id}: ${late} (${precise})`);
  if (rows.length < 4) return;
  console.log(`${name}: ${rows.join(', ')}`);
  process.exit();
});
log.start({ includeEvents: ['tablemap', 'writerows'], includeSchema: { depot: ['deviations'] }, startAtEnd: false, serverId: 2 });
JS
seen="SELECT: $(sql -e "SELECT group_concat(concat(id, ': ', late, ' (', precise, ')') SEPARATOR ', ') FROM depot.deviations")"
for reader in @vlasky/zongji @powersync/mysql-zongji; do seen+=$'\n'$(timeout 30 node ask.cjs "$reader" "$dir/sock"); done
expected=$(cat <<'TXT'
SELECT: 1: 00:05:00 (00:05:00.000), 2: -00:05:00 (-00:05:00.000), 3: -00:05:30 (-00:05:30.000), 4: -01:00:00 (-01:00:00.000)
@vlasky/zongji: 1: 00:05:00 (00:05:00.000), 2: -00:04:64 (-00:04:64.000), 3: -00:05:30 (-00:05:30.000), 4: -00:63:64 (-00:63:64.000)
@powersync/mysql-zongji: 1: 00:05:00 (00:05:00.000), 2: -00:04:64 (-00:04:64.000), 3: -00:05:30 (-00:05:30.000), 4: -00:63:64 (-00:63:64.000)
TXT
)
printf 'MariaDB %s; TIME (and TIME(3) of the same):\n%s\n' "$(sql -e 'SELECT version()')" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
