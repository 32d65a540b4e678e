#!/bin/sh
# PONG only when the server has read its data and takes our password.
set -eu
[ "${STACK_AUTH:-}" = trust ] || export REDISCLI_AUTH="$REDIS_PASSWORD"
[ "$(redis-cli -p "${REDIS_PORT:-6379}" ping)" = PONG ]
