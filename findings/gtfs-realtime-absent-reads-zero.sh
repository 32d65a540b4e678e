#!/usr/bin/env bash
# gtfs-realtime-bindings 1.1.1: what a vehicle did not report reads as a measured value.
# A position without speed and bearing answers speed 0 and bearing 0, a vehicle without occupancy answers 0, which is EMPTY in the enum: all
# as plain property reads. JSON.stringify and hasOwn tell the truth. Latitude is a 32-bit float, so 30.26 comes back as 30.260000228881836.
# Whoever stores `position.speed ?? null` stores a bus that stands still.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent gtfs-realtime-bindings@1.1.1
cat >ask.cjs <<'JS'
const { transit_realtime: gtfs } = require('gtfs-realtime-bindings');
const feed = {
  header: { gtfsRealtimeVersion: '2.0' },
  entity: [{ id: '1', vehicle: { position: { latitude: 30.26, longitude: -97.74 } } }],
};
const { vehicle } = gtfs.FeedMessage.decode(gtfs.FeedMessage.encode(feed).finish()).entity[0];
const { position } = vehicle;
console.log('speed', position.speed, 'own', Object.hasOwn(position, 'speed'));
console.log('bearing', position.bearing);
console.log('occupancy', gtfs.VehiclePosition.OccupancyStatus[vehicle.occupancyStatus]);
console.log('latitude', position.latitude);
console.log('json', JSON.stringify(position));
JS
seen=$(node ask.cjs)
expected='speed 0 own false
bearing 0
occupancy EMPTY
latitude 30.260000228881836
json {"latitude":30.260000228881836,"longitude":-97.73999786376953}'
printf 'gtfs-realtime-bindings %s\n%s\n' "$(node -p "require('./node_modules/gtfs-realtime-bindings/package.json').version")" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
