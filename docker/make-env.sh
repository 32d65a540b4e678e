#!/bin/bash
# Makes .env for docker compose: .env.example with a random password wherever it leaves one empty, and a login key for the demo's
# legacy host. Never touches an .env that exists.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077
if [ -e .env ]; then
  echo '.env exists already: nothing changed.'
  exit
fi
# Hexadecimal, because the passwords stand in URLs.
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
key=docker/secrets/demo-legacy-login
[ -f "$key.pub" ] || ssh-keygen -q -t ed25519 -N '' -C fleetgraph-demo -f "$key"
while IFS= read -r line; do
  case $line in
    FLEETGRAPH_LEGACY_AUTHORIZED_KEY=) echo "$line$(cat "$key.pub")" ;;
    FLEETGRAPH_*=) echo "$line$(secret)" ;;
    *) echo "$line" ;;
  esac
done < .env.example > .env.new
mv .env.new .env
echo 'Wrote .env. Keep it: the servers are initialised with these passwords.'
# The containers run as 10001, and a key must not be readable by all.
chown 10001:10001 "$key" 2> /dev/null || echo "For the demo profile on Linux, give the worker its key: sudo chown 10001:10001 $key"
