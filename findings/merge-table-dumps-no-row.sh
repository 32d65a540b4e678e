#!/usr/bin/env bash
# mariadb-dump (Debian's MariaDB 10.11): a MERGE table and a view answer SELECT count(*) with their rows and are dumped without one. The exit
# code is 0 and stderr is empty; the trailer says that the dump is complete. Monthly position tables under one MERGE are common in old AVL databases:
# who takes the exit code and the trailer as proof of a whole dump has an empty one.
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
cat >start.sql <<'SQL'
CREATE DATABASE depot;
USE depot;
CREATE TABLE p1 (id INT NOT NULL, speed INT, KEY (id)) ENGINE=MyISAM;
CREATE TABLE p2 (id INT NOT NULL, speed INT, KEY (id)) ENGINE=MyISAM;
INSERT INTO p1 VALUES (1, 30), (2, 40);
INSERT INTO p2 VALUES (3, 50);
CREATE TABLE positions (id INT NOT NULL, speed INT, KEY (id)) ENGINE=MERGE UNION=(p1, p2);
CREATE VIEW latest AS SELECT * FROM p2;
SQL
root/usr/sbin/mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" --lc-messages-dir="$dir/root/usr/share/mysql" \
  --skip-grant-tables --skip-networking --socket="$dir/sock" --pid-file="$dir/pid" --log-error="$dir/log" --aria-log-dir-path="$dir/data" &
server=$!
for _ in $(seq 100); do [ -S "$dir/sock" ] && break; sleep 0.2; done
"$bin/mariadb" --no-defaults -S "$dir/sock" <start.sql
version=$("$bin/mariadb" --no-defaults -S "$dir/sock" -N -e 'SELECT version()')
seen=
for table in p1 positions latest; do
  rows=$("$bin/mariadb" --no-defaults -S "$dir/sock" -N -e "SELECT count(*) FROM depot.$table")
  code=0
  "$bin/mariadb-dump" --no-defaults -S "$dir/sock" --no-create-info --skip-lock-tables depot "$table" >dump.sql 2>errors || code=$?
  inserts=$(grep -c '^INSERT' dump.sql || true)
  trailer=$(grep -c '^-- Dump completed' dump.sql || true)
  seen+="$table: selected $rows, INSERT statements $inserts, exit code $code, bytes on stderr $(wc -c <errors), trailer $trailer"$'\n'
done
expected='p1: selected 2, INSERT statements 1, exit code 0, bytes on stderr 0, trailer 1
positions: selected 3, INSERT statements 0, exit code 0, bytes on stderr 0, trailer 1
latest: selected 1, INSERT statements 0, exit code 0, bytes on stderr 0, trailer 1
'
printf 'MariaDB %s\n%s' "$version" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
