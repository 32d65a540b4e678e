// Streams 330 MB of dump through the built converter and prints what memory it took, as JSON. In a process of its own: jest's
// sandbox makes every access to a global slow, and its own heap is not ours to measure.
import { createDumpConverter } from '../../../../dist/activities/legacy-sync/dump/dump-converter.js';

const MEGABYTE = 1024 * 1024;
const PIECE = 64 * 1024;
const HEAD =
  '/*!40101 SET NAMES utf8mb4 */;\n/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n' +
  "/*!40103 SET TIME_ZONE='+00:00' */;\n/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n";
const TAIL =
  '/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n-- fleetgraph rc=0\n';

const row = (latitude, text) => `(1,'2025-06-01 12:00:00',${latitude},129.7331,'${text}')`;
const insertOf = (rows) =>
  Buffer.from(`INSERT INTO \`fixes\` (\`id\`, \`t\`, \`lat\`, \`lon\`, \`a\`) VALUES ${rows.join(',\n')};\n`);
const many = insertOf(Array.from({ length: 5_000 }, (_, index) => row(index % 100 === 0 ? 99 : 62, `row ${index}`)));
const large = insertOf([row(62, 'x'.repeat(30 * MEGABYTE))]);

const column = (name, dataType) => ({ name, dataType, columnType: dataType, nullable: true });
const converter = createDumpConverter({
  table: 'fixes',
  tableColumns: [
    column('id', 'bigint'),
    column('t', 'datetime'),
    column('lat', 'double'),
    column('lon', 'double'),
    column('a', 'text'),
  ],
  vehicleId: '7',
  legacyVehicleId: null,
  columns: { id: 'id', time: 't', latitude: 'lat', longitude: 'lon', attributes: { a: 'a' } },
  values: {
    dstGap: 'shift-forward',
    nullIsland: 'flag',
    futureTime: 'flag',
    futureToleranceMs: 0,
    nulInText: 'strip',
    invalidUtf8: 'replace',
    mendDoubleEncoding: false,
    maxRowBytes: 8 * MEGABYTE,
  },
  timeZone: 'UTC',
  fromId: 1n,
  watermark: 0n,
  toId: 1n,
  now: Date.now,
});

let [sent, taken, quarantined] = [0, 0, 0];
function send(bytes) {
  for (let at = 0; at < bytes.length; at += PIECE) {
    converter.write(bytes.subarray(at, at + PIECE));
    if (converter.pending().fresh > 256 * 1024) taken += converter.takeFresh().length;
    quarantined += converter.takeQuarantined().length;
  }
  sent += bytes.length;
}

const megabytes = () => process.memoryUsage().rss / MEGABYTE;
send(Buffer.from(HEAD));
while (sent < 60 * MEGABYTE) send(many);
const early = megabytes();
send(large);
while (sent < 330 * MEGABYTE) send(many);
const late = megabytes();
send(Buffer.from(TAIL));
console.log(JSON.stringify({ rows: converter.end().rows, quarantined, takenMb: taken / MEGABYTE, early, late }));
