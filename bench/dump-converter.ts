import { createDumpConverter } from '../src/activities/legacy-sync/dump/dump-converter.ts';
import type { ConverterOptions } from '../src/activities/legacy-sync/dump/dump-converter.ts';
import { median } from './figures.ts';
import { valuePolicySchema } from '../src/settings/legacy-server.ts';

/** The size of a piece from the decompressor. */
const PIECE = 256 * 1024;

const column = (name: string, dataType: string) => ({ name, dataType, columnType: dataType, nullable: true });
const TABLE_COLUMNS = [
  column('id', 'bigint'),
  column('vehicle_id', 'int'),
  column('device_time', 'datetime'),
  column('server_time', 'timestamp'),
  column('lat', 'double'),
  column('lon', 'double'),
  column('speed', 'float'),
  column('course', 'smallint'),
  column('altitude', 'decimal'),
  column('odometer', 'bigint'),
  column('ignition', 'tinyint'),
  column('driver', 'varchar'),
  column('route', 'varchar'),
  column('note', 'text'),
];

const optionsFor = (rows: number): ConverterOptions => ({
  table: 'gps_positions',
  tableColumns: TABLE_COLUMNS,
  vehicleId: '17',
  legacyVehicleId: '17',
  columns: {
    id: 'id',
    vehicle: 'vehicle_id',
    time: 'device_time',
    receivedAt: 'server_time',
    latitude: 'lat',
    longitude: 'lon',
    speedKmh: 'speed',
    headingDeg: 'course',
    altitudeM: 'altitude',
    attributes: { odometer: 'odometer', ignition: 'ignition', driver: 'driver', route: 'route' },
  },
  values: valuePolicySchema.parse({}),
  timeZone: 'America/Chicago',
  fromId: 1n,
  watermark: 0n,
  seenFromId: BigInt(Math.max(0, rows - 5_000)),
  toId: BigInt(rows),
  now: Date.now,
});

function dumpOf(rows: number): Buffer {
  const head =
    '/*!40101 SET NAMES utf8mb4 */;\n/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n' +
    "/*!40103 SET TIME_ZONE='+00:00' */;\n/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n\n";
  const names = TABLE_COLUMNS.map(({ name }) => `\`${name}\``).join(', ');
  const parts = [head];
  const perInsert = 8_000;
  for (let first = 1; first <= rows; first += perInsert) {
    const lines: string[] = [];
    for (let id = first; id < Math.min(rows + 1, first + perInsert); id++) lines.push(row(id));
    parts.push(`INSERT INTO \`gps_positions\` (${names}) VALUES ${lines.join(',\n')};\n`);
  }
  parts.push(
    '/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n\n-- fleetgraph rc=0\n',
  );
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function row(id: number): string {
  const at = new Date(Date.UTC(2025, 0, 1) + id * 10_000).toISOString();
  const [day, clock] = [at.slice(0, 10), at.slice(11, 19)];
  const noise = (id * 2_654_435_761) % 1_000_000;
  return (
    `(${id},17,'${day} ${clock}','${day} ${clock}.250',${(30.2 + noise / 1e7).toFixed(7)},` +
    `${(-97.7 - noise / 1e7).toFixed(7)},${(noise % 900) / 10},${noise % 360},${(150 + (noise % 100) / 10).toFixed(2)},` +
    `${1_000_000 + id},${id % 2},'driver ${id % 40}','R${id % 90}',NULL)`
  );
}

function convert(dump: Buffer, rows: number): number {
  const converter = createDumpConverter(optionsFor(rows));
  const begun = process.cpuUsage();
  for (let at = 0; at < dump.length; at += PIECE) {
    converter.write(dump.subarray(at, at + PIECE));
    if (converter.pending().fresh >= 256 * 1024) converter.takeFresh();
  }
  const { fresh } = converter.end();
  converter.takeFresh();
  if (fresh !== rows) throw new Error(`converted ${fresh} of ${rows} rows`);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1e6;
}

const ROUNDS = 5;

/**
 * Measures how fast one core turns a dump of 14 columns, 4 of them attributes, into binary COPY. It prints rows and MB per second of the
 * best and the median round. It counts CPU time, which does not depend on what else the machine does.
 */
export function convertDump(rows: number): void {
  const dump = dumpOf(rows);
  const seconds = Array.from({ length: ROUNDS }, () => convert(dump, rows));
  const say = (label: string, time: number): void =>
    console.log(
      `${label}: ${time.toFixed(2)} CPU s, ${Math.round(rows / time / 1000)} k rows/s, ${(dump.length / time / 1e6).toFixed(0)} MB/s of dump`,
    );
  console.log(`${rows} rows, ${(dump.length / rows).toFixed(0)} bytes each in the dump`);
  say('best', Math.min(...seconds));
  say('median', median(seconds));
}
