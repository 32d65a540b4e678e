#!/bin/sh
# The namespace and its search attributes. Workers register the attributes as well, when they start.
set -eu
attempts=60

# The server learns of a new namespace within seconds, and not at once.
retry() {
  until "$@" > /tmp/answer 2>&1; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || { cat /tmp/answer >&2; exit 1; }
    sleep 1
  done
}

retry temporal operator cluster health
if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /tmp/answer 2>&1; then
  retry temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
else
  retry temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi
retry temporal operator search-attribute create \
  --name VehicleId --type Keyword \
  --name WorkerSlot --type Int \
  --name FleetRun --type Keyword \
  --name LegacyTable --type Keyword
echo "Namespace $TEMPORAL_NAMESPACE keeps closed workflows for $RETENTION."
