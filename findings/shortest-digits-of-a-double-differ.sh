#!/usr/bin/env bash
# MariaDB (Debian's 10.11) and PostgreSQL (Debian's 15): both print a double by the fewest digits that read back as it, and choose other digits for some
# doubles above 2^53. Where the shorter text lies exactly halfway to the next double, MariaDB (as JavaScript and Python) takes it and PostgreSQL
# does not. Nanosecond clocks or 64-bit ids in a DOUBLE are such values. Their texts differ between a source and its copy, although not
# one bit does, and a checksum over texts calls the rows changed.
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
apt-get download -q mariadb-server-core mariadb-client-core mariadb-client postgresql-15 postgresql-client-15 libpq5 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu
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
values='25578818557822488 254706193630897984 5390467798424000512 1152921504606846976'
seen=$(for value in $values; do
  in_mariadb=$(root/usr/bin/mariadb --no-defaults -S "$dir/sock" -N -e "SELECT CAST($value AS DOUBLE)")
  in_postgres=$("$pg/psql" -h "$dir/pg" -U owner -d postgres -Atc "SELECT $value::float8")
  echo "$value: $in_mariadb $in_postgres"
done)
printf 'the double, in MariaDB %s and in PostgreSQL %s:\n%s\n' "$(root/usr/bin/mariadb --no-defaults -S "$dir/sock" -N -e 'SELECT version()')" \
  "$("$pg/psql" -h "$dir/pg" -U owner -d postgres -Atc 'SHOW server_version')" "$seen"
expected='25578818557822488: 2.557881855782249e16 2.5578818557822488e+16
254706193630897984: 2.54706193630898e17 2.5470619363089798e+17
5390467798424000512: 5.390467798424e18 5.390467798424001e+18
1152921504606846976: 1.152921504606847e18 1.152921504606847e+18'
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
