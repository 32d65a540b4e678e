#!/usr/bin/env bash
# gpsbabel 1.8.0 (Debian's) reading NMEA in which each epoch begins with RMC and has GGA behind it, which is the order of u-blox receivers and of
# the NMEA that gpsbabel itself writes: every position gets the time of the next epoch, the first position comes twice and the last never.
# (Once a GGA was seen, an RMC sets the time of the point at hand, and that is still the one before.) After a silence of three minutes the
# bus stands at the stop it left three minutes ago. As many points come out as go in; exit code 0, nothing on stderr. With GGA before RMC,
# the other common order, times are right, and so they are with -i nmea,gpgga=0, which loses altitude and satellites.
# Hurt: whoever turns receiver logs into GPX or CSV and reckons arrivals from it; a log of one fix per 30 s at 50 km/h is 400 m off.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -q gpsbabel libqt5core5a libicu72 libdouble-conversion3 libpcre2-16-0 libmd4c0 libshp2 libusb-1.0-0 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
libraries=$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$dir/root/usr/lib/$libraries:$dir/root/lib/$libraries TZ=UTC
gpsbabel=root/usr/bin/gpsbabel
sentence() { # a body
  local sum=0 at code
  for ((at = 0; at < ${#1}; at++)); do printf -v code '%d' "'${1:at:1}" && sum=$((sum ^ code)); done
  printf '$%s*%02X\r\n' "$1" "$sum"
}
rmc() { sentence "GPRMC,12${1}00.00,A,62${1}.0000,N,12943.0000,E,10.0,90.0,010126,,,A"; }
gga() { sentence "GPGGA,12${1}00.00,62${1}.0000,N,12943.0000,E,1,08,0.9,100.0,M,0.0,M,,"; }
# At 12:10 the bus is at 62° 10', and so on. From 12:11 to 12:14 it was silent.
minutes='10 11 14 15'
for minute in $minutes; do rmc $minute && gga $minute; done >rmc-first.nmea
for minute in $minutes; do gga $minute && rmc $minute; done >gga-first.nmea
# Minutes of latitude and of the clock, as `10 at 12:10`.
points() { # a file, and options of the format
  "$gpsbabel" -t -i "nmea${2:-}" -f "$1" -o unicsv -F - 2>>errors | tail -n +2 | tr -d '"' |
    awk -F, '{ printf "%s%.0f at %s", (NR > 1 ? ", " : ""), ($2 - 62) * 60, substr($NF, 1, 5) }'
}
seen="GGA first:          $(points gga-first.nmea)
RMC first:          $(points rmc-first.nmea)
RMC first, gpgga=0: $(points rmc-first.nmea ,gpgga=0)
"
"$gpsbabel" -t -i nmea -f gga-first.nmea -o nmea -F written.nmea 2>>errors
seen+="as gpsbabel writes: $(points written.nmea)
bytes on stderr: $(wc -c <errors)"
expected=$(cat <<'TXT'
GGA first:          10 at 12:10, 11 at 12:11, 14 at 12:14, 15 at 12:15
RMC first:          10 at 12:10, 10 at 12:11, 11 at 12:14, 14 at 12:15
RMC first, gpgga=0: 10 at 12:10, 11 at 12:11, 14 at 12:14, 15 at 12:15
as gpsbabel writes: 10 at 12:10, 10 at 12:11, 11 at 12:14, 14 at 12:15
bytes on stderr: 0
TXT
)
printf '%s; minutes of latitude and of the clock:\n%s\n' "$("$gpsbabel" -V | tr -d '\n')" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
