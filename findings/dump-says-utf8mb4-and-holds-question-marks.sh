#!/usr/bin/env bash
# mariadb-dump (Debian's MariaDB 10.11) --default-character-set=utf8mb4, at a server with init_connect='SET NAMES latin1': the server runs that
# behind the client's handshake, and the tool never looks. The dump's header says SET NAMES utf8mb4, and every letter that latin1 lacks is a
# question mark in it. Exit code 0, nothing on stderr. An administrator's own dump is right: init_connect passes those over.
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
"$bin/mariadb-install-db" --no-defaults --basedir="$dir/root/usr" --datadir="$dir/data" --user="$(id -un)" \
  --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve >install.log 2>&1
root/usr/sbin/mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" --lc-messages-dir="$dir/root/usr/share/mysql" \
  --init-connect='SET NAMES latin1' --skip-networking --socket="$dir/sock" --pid-file="$dir/pid" --log-error="$dir/log" 2>"$dir/start.log" &
server=$!
for _ in $(seq 100); do [ -S "$dir/sock" ] && break; sleep 0.2; done
admin=(--no-defaults -S "$dir/sock" -u root --default-character-set=utf8mb4)
"$bin/mariadb" "${admin[@]}" -e "CREATE DATABASE depot CHARACTER SET utf8mb4; CREATE TABLE depot.stops (id INT, name VARCHAR(40));
  INSERT INTO depot.stops VALUES (1, 'Якутск'); CREATE USER reader@localhost; GRANT SELECT ON depot.* TO reader@localhost"
seen=
for user in root reader; do
  "$bin/mariadb-dump" --no-defaults -S "$dir/sock" -u "$user" --default-character-set=utf8mb4 --skip-lock-tables --no-create-info \
    --skip-extended-insert depot stops >dump.sql 2>errors
  seen+="$user: $(grep -o 'SET NAMES [a-z0-9]*' dump.sql), $(grep -ao "VALUES .*" dump.sql), bytes on stderr $(wc -c <errors)"$'\n'
done
expected=$(cat <<'TXT'
root: SET NAMES utf8mb4, VALUES (1,'Якутск');, bytes on stderr 0
reader: SET NAMES utf8mb4, VALUES (1,'??????');, bytes on stderr 0
TXT
)
printf 'MariaDB %s, init_connect SET NAMES latin1\n%s' "$("$bin/mariadb" "${admin[@]}" -Ne 'SELECT version()')" "$seen"
[ "${seen%$'\n'}" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
