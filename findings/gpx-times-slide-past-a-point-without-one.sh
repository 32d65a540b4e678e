#!/usr/bin/env bash
# @tmcw/togeojson 7.1.3: a track point without <time>, which GPX 1.1 allows and loggers write before they know the time, is left out of
# coordinateProperties.times, while its coordinate stays. The two arrays are meant to be read side by side, and from that point on each
# position has the time of the next one; the last has none. The same library fills such a hole with null in every other array of the track
# (here the heart rate), so that times is the only one that slides. Speeds and arrivals reckoned from it are wrong, and nothing says so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @tmcw/togeojson@7.1.3 @xmldom/xmldom@0.9.12
cat >ask.mjs <<'JS'
import { gpx } from '@tmcw/togeojson';
import { DOMParser } from '@xmldom/xmldom';
const points = ['12:00:00Z', null, '12:02:00Z', '12:03:00Z'].map((time, at) => ({ time, longitude: 129 + at, pulse: at === 2 ? null : 60 + at }));
const point = ({ time, longitude, pulse }) =>
  `<trkpt lat="62" lon="${longitude}">${time === null ? '' : `<time>2026-01-01T${time}</time>`}` +
  `${pulse === null ? '' : `<extensions><x:TrackPointExtension><x:hr>${pulse}</x:hr></x:TrackPointExtension></extensions>`}</trkpt>`;
const text = `<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1" xmlns:x="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">
  <trk><trkseg>${points.map(point).join('')}</trkseg></trk></gpx>`;
const [{ geometry, properties }] = gpx(new DOMParser().parseFromString(text, 'text/xml')).features;
const { times, ...others } = properties.coordinateProperties;
const hours = (time) => time?.slice(11) ?? 'no time';
console.log('written:', points.map(({ longitude, time }) => `${longitude} ${time ?? 'no time'}`).join(', '));
console.log('read:   ', geometry.coordinates.map(([longitude], at) => `${longitude} ${hours(times[at])}`).join(', '));
console.log(`coordinates ${geometry.coordinates.length}, times ${times.length}, others ${JSON.stringify(others)}`);
JS
seen=$(node ask.mjs)
expected=$(cat <<'TXT'
written: 129 12:00:00Z, 130 no time, 131 12:02:00Z, 132 12:03:00Z
read:    129 12:00:00Z, 130 12:02:00Z, 131 12:03:00Z, 132 no time
coordinates 4, times 3, others {"x:TrackPointExtensions":[60,61,null,63]}
TXT
)
printf '@tmcw/togeojson %s\n%s\n' "$(sed -n 's/.*"version": "\(.*\)".*/\1/p' node_modules/@tmcw/togeojson/package.json)" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
