#!/bin/sh
# The password goes into a file that only this user reads: on the command line every process of the machine would see it.
# Redis holds live progress and the graph, both rebuilt when lost; volatile-lru, because allkeys-* would evict the graph itself.
set -eu
umask 077
config=${REDIS_CONFIG:-/tmp/redis.conf}
{
  echo "dir ${REDIS_DIR:-/data}"
  echo 'save 900 1 300 10 60 10000'
  echo 'appendonly no'
  echo 'maxmemory 2gb'
  echo 'maxmemory-policy volatile-lru'
  # Dropping a graph version of a million keys must not stall its readers.
  echo 'lazyfree-lazy-server-del yes'
  echo 'lazyfree-lazy-user-del yes'
  if [ "${STACK_AUTH:-}" = trust ]; then
    echo 'protected-mode no'
  else
    echo "user default on >${REDIS_PASSWORD:?} ~* &* +@all -@dangerous +info +config|get"
  fi
} > "$config"
exec redis-server "$config" "$@"
