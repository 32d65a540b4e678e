#!/usr/bin/env bash
# mysql_fdw 2.8.0 (Debian's postgresql-15-mysql-fdw, PostgreSQL 15) on Debian's MariaDB 10.11: conditions, aggregates and GROUP BY are sent to
# MariaDB word for word, also where the same words mean something else there, so that PostgreSQL gives rows that its own rules deny. A plate
# that is asked for exactly also brings the one in capitals and the one with a blank behind it; 7 / 2 = 3 is true for PostgreSQL's integers,
# and MariaDB's 3.5 loses the row; count(DISTINCT) is 1 for the three plates that a copied column has, and GROUP BY makes one vehicle of them.
# No error and no warning; only EXPLAIN VERBOSE shows it. Who moves history with INSERT … SELECT … WHERE from a foreign table mixes vehicles
# or misses rows. Reading the table first (a materialised CTE: "copied") is right.
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
maria=
finish() {
  [ -z "$maria" ] || { kill "$maria" && wait "$maria" || true; } 2>/dev/null
  [ ! -f "$dir/pg/postmaster.pid" ] || as_owner "$pg/pg_ctl" -D "$dir/pg" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$dir"
}
# PostgreSQL refuses to run as root.
as_owner() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi; }
trap finish EXIT
cd "$dir"
apt-get download -q mariadb-server-core mariadb-client-core mariadb-client postgresql-15 postgresql-client-15 libpq5 \
  postgresql-15-mysql-fdw libmariadb3 libmariadb-dev libmariadb-dev-compat >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
# The extension opens libmysqlclient.so, and 'localhost' is this socket.
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu MYSQL_UNIX_PORT=$dir/sock
pg=$dir/root/usr/lib/postgresql/15/bin
mkdir data pg
[ "$(id -u)" != 0 ] || chown nobody:nogroup pg
root/usr/sbin/mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" --lc-messages-dir="$dir/root/usr/share/mysql" \
  --skip-grant-tables --skip-networking --socket="$dir/sock" --pid-file="$dir/pid" --log-error="$dir/log" \
  --aria-log-dir-path="$dir/data" 2>"$dir/start.log" &
maria=$!
as_owner "$pg/initdb" -D "$dir/pg" -U owner -A trust --no-locale -E UTF8 >init.log 2>&1
as_owner "$pg/pg_ctl" -D "$dir/pg" -w -l "$dir/pg/log" -o "-c listen_addresses='' -k $dir/pg" start >/dev/null
for _ in $(seq 100); do [ -S "$dir/sock" ] && break; sleep 0.2; done
psql() { "$pg/psql" -h "$dir/pg" -U owner -d postgres -qAt "$@"; }
root/usr/bin/mariadb --no-defaults -S "$dir/sock" -e "CREATE DATABASE depot CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
  CREATE TABLE depot.fixes (id INT, plate VARCHAR(20), speed INT);
  INSERT INTO depot.fixes VALUES (1, 'A123', 7), (2, 'a123 ', 6), (3, 'a123', 5)"
psql -c "CREATE EXTENSION mysql_fdw; CREATE SERVER legacy FOREIGN DATA WRAPPER mysql_fdw OPTIONS (host 'localhost');
  CREATE USER MAPPING FOR owner SERVER legacy OPTIONS (username 'root', password '');
  CREATE FOREIGN TABLE fixes (id int, plate text, speed int) SERVER legacy OPTIONS (dbname 'depot', table_name 'fixes')"
copied='WITH fixes AS MATERIALIZED (SELECT * FROM fixes)'
seen=
ask() { # a query with one value as its answer
  seen+="$1: foreign $(psql -c "$1"), copied $(psql -c "$copied $1")"$'\n'
}
ask "SELECT string_agg(id::text, ' ' ORDER BY id) FROM fixes WHERE plate = 'a123'"
ask "SELECT string_agg(id::text, ' ' ORDER BY id) FROM fixes WHERE speed / 2 = 3"
ask 'SELECT count(DISTINCT plate) FROM fixes'
ask 'SELECT count(*) FROM (SELECT plate, count(*) FROM fixes GROUP BY plate) AS vehicles'
seen+="$(psql -c "EXPLAIN (VERBOSE, COSTS off) SELECT id FROM fixes WHERE plate = 'a123' AND speed / 2 = 3" | grep -o 'Remote query.*')"
expected=$(cat <<'TXT'
SELECT string_agg(id::text, ' ' ORDER BY id) FROM fixes WHERE plate = 'a123': foreign 1 2 3, copied 3
SELECT string_agg(id::text, ' ' ORDER BY id) FROM fixes WHERE speed / 2 = 3: foreign 2, copied 1 2
SELECT count(DISTINCT plate) FROM fixes: foreign 1, copied 3
SELECT count(*) FROM (SELECT plate, count(*) FROM fixes GROUP BY plate) AS vehicles: foreign 1, copied 3
Remote query: SELECT `id` FROM `depot`.`fixes` WHERE ((`plate` = 'a123')) AND (((`speed` / 2) = 3))
TXT
)
printf 'mysql_fdw %s, PostgreSQL %s, MariaDB %s\n%s\n' "$(psql -c 'SELECT mysql_fdw_version()')" \
  "$(psql -c 'SHOW server_version')" "$(root/usr/bin/mariadb --no-defaults -S "$dir/sock" -N -e 'SELECT version()')" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
