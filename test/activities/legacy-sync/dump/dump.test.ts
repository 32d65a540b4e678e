import { slotBuffers } from '../../../../src/settings/slot-buffers.ts';
import { defaultSettings } from '../../../../src/settings/legacy-sync.ts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createDumpConverter } from '../../../../src/activities/legacy-sync/dump/dump-converter.ts';
import { TUPLE_COLUMNS } from '../../../../src/settings/position-columns.ts';
import { startCopy } from '../../../../src/activities/legacy-sync/load/copy-in.ts';
import { runMariadb } from '../../../../src/stack/servers/mariadb-client.ts';
import {
  type FreshDatabase,
  freshDatabase,
  type LegacyDatabase,
  legacyDatabase,
  sharedStack,
} from '../../../support/stack.ts';
import { optionsFor } from './dump-text.ts';
import { columnsOf, dumpTable, selectTable } from './dump-table.ts';

/** Random rows into the real MariaDB, out by the real mariadb-dump, through the converter and a COPY into the real PostgreSQL. */
const TABLE = `CREATE TABLE fixes (
  id BIGINT UNSIGNED PRIMARY KEY, vehicle_id INT, t DATETIME(6), r TIMESTAMP(6) NULL, lat DOUBLE, lon DECIMAL(10,7), speed DOUBLE,
  txt VARCHAR(300), l1 VARCHAR(60) CHARACTER SET latin1, bl BLOB, bin VARBINARY(30), bt BIT(64), big BIGINT UNSIGNED,
  dec_ DECIMAL(30,10), dbl DOUBLE, ti TINYINT(1), zf INT(8) ZEROFILL, tm TIME(6), yr YEAR, en ENUM('a','b''c','é')
) CHARACTER SET utf8mb4`;
const TEXTS = ['txt', 'l1', 'tm', 'en'];
const BYTES = ['bl', 'bin'];
const NUMBERS = ['bt', 'big', 'dec_', 'dbl', 'ti', 'zf', 'yr'];

let legacy: LegacyDatabase;
let target: FreshDatabase;
beforeAll(async () => {
  [legacy, target] = await Promise.all([legacyDatabase(), freshDatabase()]);
  await legacy.query(TABLE);
});
afterAll(() => Promise.all([legacy.drop(), target.drop()]));

const hex = (bytes: Uint8Array): string => `X'${Buffer.from(bytes).toString('hex')}'`;
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | 'NULL'> =>
  fc.oneof({ weight: 4, arbitrary }, { weight: 1, arbitrary: fc.constant('NULL' as const) });
const NASTY = [
  'NULL',
  "'",
  "''",
  '\\',
  '\\\\',
  "\\'",
  '"',
  '\0',
  '\n',
  '\r\n',
  '\t',
  '\u001a',
  '\b',
  '%_',
  "),('",
  ';',
  '🚌',
  'é',
  '--',
  '/*',
  '`',
];
const text = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'grapheme', maxLength: 4 })), { maxLength: 12 })
  .map((parts) => Array.from(parts.join('')).slice(0, 250).join(''));
const two = (number: number): string => String(number).padStart(2, '0');
const moment = (from: string, to: string) =>
  fc
    .tuple(fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }), fc.nat(999))
    .map(
      ([date, micros]) => `'${date.toISOString().slice(0, 23).replace('T', ' ')}${String(micros).padStart(3, '0')}'`,
    );
const double = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((value) => (Object.is(value, -0) ? '0' : value.toExponential()));
const row = fc.record({
  t: moment('1000-01-01', '9999-12-31T23:59:59Z'),
  r: orNull(moment('1971-01-01', '2037-12-31')),
  lat: fc.double({ min: -90, max: 90, noNaN: true }).map((value) => value.toExponential()),
  lon: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }).map((value) => (value / 1e7).toFixed(7)),
  speed: orNull(double),
  txt: orNull(text.map((value) => `CONVERT(${hex(Buffer.from(value))} USING utf8mb4)`)),
  l1: orNull(fc.uint8Array({ maxLength: 50 }).map((bytes) => `CONVERT(${hex(bytes)} USING latin1)`)),
  bl: orNull(fc.uint8Array({ maxLength: 300 }).map(hex)),
  bin: orNull(fc.uint8Array({ maxLength: 30 }).map(hex)),
  bt: orNull(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)),
  big: orNull(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)),
  dec_: orNull(
    fc
      .tuple(fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }), fc.nat(1e9))
      .map(([a, b]) => `${a}.${String(b).padStart(10, '0')}`),
  ),
  dbl: orNull(double),
  ti: orNull(fc.integer({ min: -128, max: 127 }).map(String)),
  zf: orNull(fc.nat(99_999_999).map(String)),
  tm: orNull(
    fc
      .tuple(fc.boolean(), fc.nat(838), fc.nat(59), fc.nat(58), fc.nat(999_999))
      .map(([minus, h, m, s, f]) => `'${minus ? '-' : ''}${h}:${two(m)}:${two(s)}.${String(f).padStart(6, '0')}'`),
  ),
  yr: orNull(fc.oneof(fc.constant('0'), fc.integer({ min: 1901, max: 2155 }).map(String))),
  en: orNull(fc.constantFrom("'a'", "'b''c'", "'é'")),
});
type Literals = typeof row extends fc.Arbitrary<infer T> ? T : never;

async function insert(rows: readonly Literals[]): Promise<void> {
  const names = Object.keys(rows[0]!) as (keyof Literals)[];
  const values = rows.map((literals, index) => `(${index + 1}, 7, ${names.map((name) => literals[name]).join(', ')})`);
  await legacy.query(
    `SET sql_mode = ''; SET time_zone = '+00:00'; TRUNCATE fixes;
     INSERT INTO fixes (id, vehicle_id, ${names.join(', ')}) VALUES ${values.join(',\n')}`,
  );
}

/** A value per column and row, as MariaDB says itself: texts and bytes in hex, times to the microsecond, numbers in decimal. */
async function whatMariadbSays(): Promise<string[][]> {
  const columns = [
    'id',
    'CAST(t AS CHAR)',
    'CAST(r AS CHAR)',
    'lat',
    'lon',
    'speed',
    ...TEXTS.map((name) => `HEX(CONVERT(CAST(${name} AS CHAR) USING utf8mb4))`),
    ...BYTES.map((name) => `HEX(${name})`),
    ...NUMBERS.map((name) => `${name} + 0`),
  ];
  const sql = `SET time_zone = '+00:00'; SELECT ${columns.join(', ')} FROM fixes ORDER BY id`;
  const lines = await runMariadb(sharedStack().mariadb, sql, legacy.name);
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => {
      const cells = line.split('\t');
      const textsFrom = 6;
      // PostgreSQL takes no NUL: the policy strips it.
      return cells.map((cell, at) => (at >= textsFrom && at < textsFrom + TEXTS.length ? withoutNul(cell) : cell));
    });
}

const withoutNul = (cell: string): string =>
  cell === 'NULL' ? cell : cell.replace(/../g, (byte) => (byte === '00' ? '' : byte));

async function whatPostgresSays(): Promise<string[][]> {
  const time = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`;
  const columns = [
    'legacy_id::text',
    time('time'),
    time('received_at'),
    'latitude::text',
    'longitude::text',
    'speed_kmh::text',
    ...TEXTS.map((name) => `upper(encode(convert_to(attributes->>'${name}', 'UTF8'), 'hex'))`),
    ...BYTES.map((name) => `upper(substr(attributes->>'${name}', 3))`),
    ...NUMBERS.map((name) => `attributes->>'${name}'`),
  ];
  const { rows } = await target.pool.query({
    text: `SELECT ${columns.map((column) => `COALESCE(${column}, 'NULL')`).join(', ')} FROM positions ORDER BY legacy_id`,
    rowMode: 'array',
  });
  return rows as string[][];
}

/** Numbers may be written in more than one way; everything else is compared to the letter. */
function sameNumber(mine: string, theirs: string): boolean {
  if (mine === theirs) return true;
  if (/[e.]/i.test(mine + theirs)) return Number(mine) === Number(theirs);
  return BigInt(mine) === BigInt(theirs);
}

async function throughTheConverter(reader: 'mysqldump' | 'select', cut: number): Promise<void> {
  const { mariadb } = sharedStack();
  const tableColumns = await columnsOf(mariadb, legacy.name, 'fixes');
  const dump =
    reader === 'mysqldump'
      ? await dumpTable(mariadb, legacy.name, 'fixes')
      : await selectTable(mariadb, legacy.name, { table: 'fixes', columns: tableColumns });
  const options = optionsFor([], {}, { tableColumns });
  options.columns = {
    ...options.columns,
    receivedAt: 'r',
    speedKmh: 'speed',
    attributes: Object.fromEntries([...TEXTS, ...BYTES, ...NUMBERS].map((name) => [name, name])),
  };
  const converter = createDumpConverter(options);
  for (let at = 0; at < dump.length; at += cut) converter.write(dump.subarray(at, at + cut));
  expect(converter.end().quarantined).toBe(0);
  const client = await target.pool.connect();
  await client.query('TRUNCATE positions');
  const copy = startCopy(client, `positions (${TUPLE_COLUMNS})`, slotBuffers(defaultSettings()));
  await copy.write(converter.takeFresh());
  await copy.end();
  client.release();
}

test('what MariaDB holds is what PostgreSQL holds afterwards, by mysqldump and by SELECT', async () => {
  const firstNumber = 6 + TEXTS.length + BYTES.length;
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 250 }),
      fc.integer({ min: 1, max: 70_000 }),
      fc.constantFrom('mysqldump' as const, 'select' as const),
      async (rows, cut, reader) => {
        await insert(rows);
        await throughTheConverter(reader, cut);
        const [mine, theirs] = await Promise.all([whatPostgresSays(), whatMariadbSays()]);
        expect(mine).toHaveLength(rows.length);
        const isNumber = (at: number): boolean => (at >= 3 && at <= 5) || at >= firstNumber;
        const differing = mine.flatMap((cells, index) =>
          cells.flatMap((cell, at) => {
            const other = theirs[index]![at]!;
            const same = isNumber(at) && cell !== 'NULL' && other !== 'NULL' ? sameNumber(cell, other) : cell === other;
            return same ? [] : [{ row: index + 1, column: at, postgres: cell, mariadb: other }];
          }),
        );
        expect(differing).toEqual([]);
      },
    ),
    { numRuns: 12, seed: Number(process.env.FC_SEED ?? Date.now() % 2 ** 31), interruptAfterTimeLimit: 45_000 },
  );
}, 90_000);
