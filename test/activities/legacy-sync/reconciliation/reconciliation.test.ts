import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startReconciliation } from '../../../../src/client/reconciliations.ts';
import { listDays } from '../../../../src/records/reconciled-days.ts';
import { listReconciled } from '../../../../src/records/reconciled-vehicles.ts';
import { insertVehicle } from '../../../../src/records/vehicles.ts';
import { type Fleet, openFleet } from '../../../support/fleet.ts';
import { daysOfOtherSums } from '../../../support/quick-sums-here.ts';

const TIMEOUT_MS = 120_000;

/** One vehicle with a table of every form that MySQL can read as an import does. */
const TABLE = `CREATE TABLE forms (
  id int unsigned ZEROFILL NOT NULL PRIMARY KEY, fix_ms bigint NOT NULL, lat_e7 int, lon double, knots double, course varchar(20), feet decimal(9,3),
  received timestamp(3) NULL, d double, f float, f2 float(9,2), d2 double(12,3), n decimal(12,4), i int(6) ZEROFILL, y year, b tinyint(1),
  v varchar(60), t text, blobs varbinary(20), dt datetime(6), dat date, tim time, e enum('on', 'off'), ts timestamp NULL, latin varchar(40) CHARACTER SET latin1, flags bit(12))`;

const ATTRIBUTES = [
  'd',
  'f',
  'f2',
  'd2',
  'n',
  'i',
  'y',
  'b',
  'v',
  't',
  'blobs',
  'dt',
  'dat',
  'tim',
  'e',
  'ts',
  'latin',
];

/** Doubles of every size, with as many digits as they have. */
const number = (at: number): string => {
  const sizes = [-300, -20, -16, -15, -14, -9, -5, -4, -3, 0, 1, 3, 7, 12, 14, 15, 16, 17, 20, 200];
  return `${at % 2 ? '-' : ''}${(1 + ((at * 7919) % 1_000_003) / 1_000_003).toPrecision(17)}e${sizes[at % sizes.length]}`;
};

function row(at: number): string {
  const nothing = at % 11 === 0;
  const value = (sql: string): string => (nothing ? 'NULL' : sql);
  return `(${[
    at,
    // Over the nights in which clocks change, and by milliseconds.
    1_729_900_000_000 + at * 450_000_123,
    620_339_000 + at * 7,
    `129.${7_300_000 + at}1234567e0`,
    value(`${(at * 0.37).toPrecision(16)}`),
    value(`'${at % 3 ? '' : ' '}${at},25'`),
    value(`${at}.125`),
    value(`'2025-03-29 23:59:59.${String(at).padStart(3, '0')}' + INTERVAL ${at} HOUR`),
    value(number(at)),
    value(`${at} * 1.1`),
    value(`${at} * 1.37`),
    value(`${at} * 1.0007`),
    value(`${at}.5`),
    value(String(at)),
    value(String(1990 + at)),
    value(String(at % 3)),
    value(`'Привет | "${at}" 🚌'`),
    value(`CONCAT('a', CHAR(0), '\\n\\t\\\\ ~', ${at})`),
    value(`X'00FF5C'`),
    value(`'2025-03-30 02:30:00.12' + INTERVAL ${at} SECOND`),
    value(at % 5 === 0 ? `'0000-00-00'` : `'2025-01-31'`),
    value(`'-12:34:56'`),
    value(`'${at % 2 ? 'on' : 'off'}'`),
    value(`'2025-10-26 00:30:00' + INTERVAL ${at} MINUTE`),
    value(`'Zürich ${at}'`),
    value(String(at)),
  ].join(', ')})`;
}

/** What an attribute becomes, where one more is nothing. */
const CHANGED: Record<string, string> = {
  v: `'привет'`,
  t: `''`,
  blobs: `X'00FF5D'`,
  dt: 'dt + INTERVAL 1 MICROSECOND',
  dat: `'2025-02-01'`,
  tim: `'12:34:57'`,
  e: 'NULL',
  d: 'd * 1.5',
  ts: 'ts + INTERVAL 1 SECOND',
  latin: `'Zurich'`,
};

let fleet: Fleet;
beforeAll(async () => {
  fleet = await openFleet();
  await fleet.legacy.query(
    `SET time_zone = '+00:00', sql_mode = ''; ${TABLE}; INSERT INTO forms VALUES ${Array.from({ length: 120 }, (_, at) => row(at + 1)).join(',\n')}`,
  );
  const columns = {
    id: 'id',
    time: { column: 'fix_ms', format: 'unix-milliseconds' },
    latitude: { column: 'lat_e7', factor: 1e-7 },
    longitude: 'lon',
    speedKmh: { column: 'knots', unit: 'knots' },
    headingDeg: { column: 'course', decimalComma: true },
    altitudeM: { column: 'feet', unit: 'ft' },
    receivedAt: 'received',
    attributes: Object.fromEntries(ATTRIBUTES.map((column) => [`a "${column}"`, column])),
  };
  await fleet.changeServer({ timeZone: 'Europe/Berlin', columns: JSON.parse(JSON.stringify(columns)) });
  await insertVehicle(
    fleet.pool,
    { id: '1', label: 'bus', serverId: fleet.server.id, table: 'forms', legacyVehicleId: null },
    fleet.server,
  );
  await fleet.startWorker();
  expect(await (await fleet.start()).result()).toMatchObject({ rows: 120, quarantined: 0, failed: 0 });
}, TIMEOUT_MS);
afterAll(() => fleet?.close());

async function changedIds(): Promise<string[]> {
  const started = await startReconciliation(fleet.client, { selection: { kind: 'all' } });
  await started.result();
  const [vehicle] = await listReconciled(fleet.pool, started.reconciliationId);
  expect(vehicle).toMatchObject({ method: 'sql', unsaid: [], failure: null, missing: 0, extra: 0 });
  const days = await listDays(fleet.pool, started.reconciliationId, '1');
  return days.flatMap(({ changed }) => changed).sort();
}

test(
  'both sides say the same of every form, and another of each value that changes',
  async () => {
    expect(await changedIds()).toEqual([]);
    expect(await daysOfOtherSums(fleet, 'forms', ['1'])).toEqual([]);
    const changes = [
      'fix_ms = fix_ms + 1',
      'lat_e7 = lat_e7 + 1',
      'lon = lon + 2.842170943040401e-14',
      `course = '1,5'`,
      'received = received + INTERVAL 1000 MICROSECOND',
      'knots = NULL',
      'feet = feet + 0.001',
      ...ATTRIBUTES.map((column) => `${column} = ${CHANGED[column] ?? `${column} + 1`}`),
    ];
    // Not the rows that hold nothing.
    const ids = changes
      .map((_, at) => 13 + at * 3 + (at % 11 === 3 ? 1 : 0))
      .map((id) => (id % 11 === 0 ? id + 1 : id));
    await fleet.legacy.query(
      `SET time_zone = '+00:00', sql_mode = ''; ${changes.map((change, at) => `UPDATE forms SET ${change} WHERE id = ${ids[at]}`).join('; ')}`,
    );
    expect(await changedIds()).toEqual(ids.map(String).sort());
  },
  TIMEOUT_MS,
);
