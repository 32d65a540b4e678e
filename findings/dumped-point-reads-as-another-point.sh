#!/usr/bin/env bash
# A POINT out of mariadb-dump --hex-blob (Debian's MariaDB 10.11) into PostGIS (Debian's 3.3.2, PostgreSQL 15) and into wkx 0.5.0 from npm.
# The dump has the bytes that MariaDB stores, as SELECT HEX(place) has: four bytes of SRID before the WKB. One expects a reader to refuse them.
# But an SRID of 0, the usual one, begins with 00, which is WKB for big-endian, and the next four bytes, 00 00 00 01, are then the type of a
# point; the four bytes left over at the end bother neither reader. COPY says COPY 2 and a geometry(Point) column holds two valid points,
# neither of them where the bus was: whole degrees become a place beside 0°, 0°, all others numbers of any size, such as 8e+222.
# Whoever moves a table of stops or fixes with a POINT column gets as many rows as there were. The SRID 4326 is refused, as 0xE6 is no byte order.
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
  postgresql-15-postgis-3 postgresql-15-postgis-3-scripts libgeos-c1v5 libgeos3.11.1 libproj25 libprotobuf-c1 libjson-c5 libtiff6 \
  libcurl3-gnutls libsqlite3-0 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu:$dir/root/lib/$(uname -m)-linux-gnu
pg=$dir/root/usr/lib/postgresql/15/bin
cp root/usr/share/postgresql/15/extension/postgis-3.control root/usr/share/postgresql/15/extension/postgis.control
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
maria() { "root/usr/bin/$1" --no-defaults -S "$dir/sock" "${@:2}"; }
maria mariadb -e "CREATE DATABASE depot; CREATE TABLE depot.stops (id INT, place POINT);
  INSERT INTO depot.stops VALUES (1, POINT(130, 62)), (2, POINT(129.7322, 62.0278))"
maria mariadb-dump --hex-blob --no-create-info --skip-lock-tables --compact depot stops >dump.sql
# (1,0x…) becomes 1<tab>…, a line of COPY.
grep -o '([0-9]*,0x[0-9A-F]*)' dump.sql | tr -d '()' | sed 's/,0x/\t/' >stops.tsv
psql -c 'CREATE EXTENSION postgis; CREATE TABLE stops (id int, place geometry(Point))' 2>/dev/null
copied=$("$pg/psql" -h "$dir/pg" -U owner -d postgres -c '\copy stops FROM stops.tsv' 2>&1)
npm init -y >/dev/null
npm install --no-audit --no-fund --silent wkx@0.5.0
cat >ask.cjs <<'JS'
const wkx = require('wkx');
for (const line of require('node:fs').readFileSync('stops.tsv', 'utf8').trim().split('\n')) {
  const [id, hex] = line.split('\t');
  console.log(`wkx, stop ${id}: ${wkx.Geometry.parse(Buffer.from(hex, 'hex')).toWkt()}`);
}
JS
refused=$(psql -c "SELECT 'E61000000101000000000000000040604000000000004F40'::geometry" 2>&1 || true)
seen="$copied
$(psql -c "SELECT format('PostGIS, stop %s: %s, valid %s', id, ST_AsText(place), ST_IsValid(place)) FROM stops ORDER BY id")
$(node ask.cjs)
PostGIS, SRID 4326: $(head -1 <<<"$refused")"
expected=$(cat <<'TXT'
COPY 2
PostGIS, stop 1: POINT(7.291122019556398e-304 1.821887867837269e-307), valid t
PostGIS, stop 2: POINT(7.291123425664241e-304 8.449803249148009e+222), valid t
wkx, stop 1: POINT(7.291122019556398e-304 1.8218878678372686e-307)
wkx, stop 2: POINT(7.291123425664241e-304 8.449803249148009e+222)
PostGIS, SRID 4326: ERROR:  parse error - invalid geometry
TXT
)
printf 'MariaDB %s, PostGIS %s; POINT(130 62) and POINT(129.7322 62.0278):\n%s\n' \
  "$(maria mariadb -N -e 'SELECT version()')" "$(psql -c 'SELECT postgis_lib_version()')" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
