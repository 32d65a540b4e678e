#!/usr/bin/env bash
# gps 0.9.0 and nmea-simple 3.3.0 on the same NMEA sentences.
# gps answers `valid: true` for an RMC sentence in which the receiver itself says V, no fix: `valid` is the checksum, the fix is in `status`
# ('void'). Speed is km/h in gps and knots in nmea-simple, and a westerly magnetic variation is negative in gps and positive, with a letter
# beside it, in nmea-simple: three fields that look alike and mean something else.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent gps@0.9.0 nmea-simple@3.3.0
cat >ask.mjs <<'JS'
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const GPS = require('gps');
const { parseNmeaSentence } = require('nmea-simple');
const sentence = (body) => {
  const sum = [...body].reduce((all, letter) => all ^ letter.charCodeAt(0), 0);
  return `$${body}*${sum.toString(16).toUpperCase().padStart(2, '0')}`;
};
const noFix = GPS.Parse(sentence('GPRMC,123519,V,,,,,,,230394,,'));
console.log('gps, no fix: valid', noFix.valid, 'status', noFix.status, 'lat', noFix.lat);
const moving = sentence('GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W');
const a = GPS.Parse(moving);
const b = parseNmeaSentence(moving);
console.log('gps: speed', a.speed, 'variation', a.variation);
console.log('nmea-simple: speed', b.speedKnots, 'variation', b.variation, b.variationPole);
JS
seen=$(node ask.mjs)
expected='gps, no fix: valid true status void lat null
gps: speed 41.4848 variation -3.1
nmea-simple: speed 22.4 variation 3.1 W'
for name in gps nmea-simple; do printf '%s %s\n' "$name" "$(node -p "require('./node_modules/$name/package.json').version")"; done
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
