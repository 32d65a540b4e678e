import { readdirSync } from 'node:fs';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

export interface RealPosition {
  vehicleId: string;
  /** Austin's local time, as a legacy DATETIME column would hold it: `2015-03-08 01:40:54`. */
  localTime: string;
  /** The same moment in UTC, as a TIMESTAMP column shows it in a session with UTC. */
  utcTime: string;
  speed: string;
  routeId: string;
  tripId: string;
  latitude: string;
  longitude: string;
  headsign: string;
}

/** Positions of the busiest vehicles of a folder of CapMetrics files (CSV, perhaps gzipped), in the order they were reported. */
export async function readCapmetrics(folder: string, vehicles: number): Promise<RealPosition[]> {
  const positions: RealPosition[] = [];
  for (const file of readdirSync(folder)
    .filter((name) => /\.csv(\.gz)?$/.test(name))
    .sort()) {
    const stored = createReadStream(join(folder, file));
    const lines = createInterface({ input: file.endsWith('.gz') ? stored.pipe(createGunzip()) : stored });
    for await (const line of lines) {
      const position = parse(line);
      if (position !== null) positions.push(position);
    }
  }
  const chosen = busiest(positions, vehicles);
  return positions
    .filter(({ vehicleId }) => chosen.has(vehicleId))
    .sort((a, b) => (a.utcTime < b.utcTime ? -1 : a.utcTime > b.utcTime ? 1 : 0));
}

function parse(line: string): RealPosition | null {
  const [vehicleId, timestamp, speed, routeId, tripId, latitude, longitude, headsign] = line.split(',');
  if (headsign === undefined || !/^[0-9]+$/.test(vehicleId ?? '')) return null;
  const localTime = timestamp!.slice(0, 19).replace('T', ' ');
  const moment = new Date(timestamp!);
  if (Number.isNaN(moment.getTime())) return null;
  const utcTime = moment.toISOString().slice(0, 19).replace('T', ' ');
  return {
    vehicleId: vehicleId!,
    localTime,
    utcTime,
    speed: speed!,
    routeId: routeId!,
    tripId: tripId!,
    latitude: latitude!,
    longitude: longitude!,
    headsign,
  };
}

function busiest(positions: RealPosition[], vehicles: number): Set<string> {
  const rows = new Map<string, number>();
  for (const { vehicleId } of positions) rows.set(vehicleId, (rows.get(vehicleId) ?? 0) + 1);
  const ranked = [...rows].sort((a, b) => b[1] - a[1]).slice(0, vehicles);
  return new Set(ranked.map(([vehicleId]) => vehicleId));
}
