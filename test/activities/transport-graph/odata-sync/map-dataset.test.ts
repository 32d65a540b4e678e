import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { OdataDialect } from '../../../../src/connections/odata/odata-dialect.ts';
import { contentSha256 } from '../../../../src/activities/transport-graph/odata-sync/dataset-content.ts';
import { mapDataset } from '../../../../src/activities/transport-graph/odata-sync/map-dataset.ts';
import { compareNetwork } from '../../../../src/activities/transport-graph/odata-sync/network-set.ts';
import { readMapping } from '../../../../src/activities/transport-graph/odata-sync/read-mapping.ts';
import {
  createTimeReader,
  isBareJsonDate,
  parseSourceNumber,
} from '../../../../src/activities/transport-graph/odata-sync/source-values.ts';
import {
  DEFAULT_ODATA_MAPPING,
  isMappingSetting,
  odataMappingSchema,
  propertiesOf,
} from '../../../../src/settings/odata-mapping.ts';
import { ONE_C_MAPPING, oneCNetwork, sourceNetwork } from '../../../support/source-network.ts';

type Row = Record<string, unknown>;

/** Every set in our terms, and the hash of what they say. */
const mapAll = (...source: Parameters<typeof mapDataset>) => {
  const rows = mapDataset(...source);
  const network = compareNetwork({ readings: { stops: '', routes: '', flights: '' }, rows }, null);
  return {
    rows: { stops: rows.stops(), routes: rows.routes(), flights: rows.flights() },
    missing: rows.missing,
    sha256: contentSha256(network),
  };
};

const mapDefault = (network = sourceNetwork(), dialect: OdataDialect = 'v4', zone = 'Asia/Yakutsk') =>
  mapAll(
    { dialect, stops: network.Stops, routes: network.Routes, flights: network.Flights },
    DEFAULT_ODATA_MAPPING,
    zone,
  );

const mapOneC = (network = oneCNetwork()) =>
  mapAll(
    {
      dialect: '1c',
      stops: network['Catalog_Остановки']!,
      routes: network['Catalog_Маршруты']!,
      flights: network['Document_Рейсы']!,
    },
    odataMappingSchema.parse(ONE_C_MAPPING),
    'Asia/Yakutsk',
  );

test('rows of the default mapping', () => {
  const { rows, missing } = mapDefault();
  expect(missing).toEqual([]);
  expect(rows.stops[0]).toEqual({
    id: 'stop-0000',
    name: 'Остановка 0',
    cityName: 'Якутск',
    latitude: 62,
    longitude: 129.5,
  });
  expect(rows.stops[1]?.cityName).toBeNull();
  expect(rows.routes[0]).toMatchObject({ fromStopId: 'stop-0000', durationMinutes: 10, fareRub: 150.5 });
  expect(rows.flights[0]).toMatchObject({ routeId: 'route-0000', departureAt: Date.UTC(2026, 10, 30, 23) });
});

test('1C: marks, references, padded texts, naive times, numbers as texts', () => {
  const { rows, missing } = mapOneC();
  expect(missing).toEqual([]);
  expect([rows.stops.length, rows.routes.length, rows.flights.length]).toEqual([10, 9, 18]);
  expect(rows.stops[0]).toMatchObject({ name: 'Остановка 0', cityName: 'Якутск', latitude: 62 });
  expect(rows.stops[1]?.cityName).toBeNull();
  expect(rows.routes[0]).toMatchObject({ durationMinutes: 10, transportType: 'BUS' });
  expect(rows.flights[0]).toMatchObject({
    fromStopId: rows.routes[0]?.fromStopId,
    departureAt: Date.UTC(2026, 10, 30, 23),
  });
});

test('1C: what was never entered is 0, and a value of no type is none', () => {
  const network = oneCNetwork(3);
  Object.assign(network['Catalog_Маршруты']![0]!, {
    Длительность: 0,
    ВидТранспорта: 'x',
    ВидТранспорта_Type: 'StandardODATA.Undefined',
  });
  expect(mapOneC(network).rows.routes[0]).toMatchObject({ durationMinutes: null, transportType: 'BUS' });
  const plain = sourceNetwork(3);
  plain.Routes[0]!['DurationMinutes'] = 0;
  expect(mapDefault(plain).rows.routes[0]).toMatchObject({ durationMinutes: 0 });
});

test.each([{ DeletionMark: true }, { IsFolder: true }, { Posted: false }])(
  '1C: %p leaves a row out by itself',
  (mark) => {
    const { Stops } = sourceNetwork(3);
    Object.assign(Stops[1]!, mark);
    const { rows } = mapAll({ dialect: '1c', stops: Stops, routes: [], flights: [] }, DEFAULT_ODATA_MAPPING, 'UTC');
    expect(rows.stops.map(({ id }) => id)).toEqual(['stop-0000', 'stop-0002']);
  },
);

test('marks of 1C mean nothing elsewhere, unless the mapping names them', () => {
  const network = sourceNetwork(3);
  network.Stops[0]!['Posted'] = false;
  network.Stops[1]!['Closed'] = 'yes';
  expect(mapDefault(network).rows.stops).toHaveLength(3);
  const mapping = structuredClone(DEFAULT_ODATA_MAPPING);
  mapping.stops.ignoreWhen = { Closed: 'yes' };
  const { rows } = mapAll({ dialect: 'v4', stops: network.Stops, routes: [], flights: [] }, mapping, 'UTC');
  expect(rows.stops.map(({ id }) => id)).toEqual(['stop-0000', 'stop-0002']);
});

test.each<[string, keyof ReturnType<typeof sourceNetwork>, Row, string]>([
  ['a missing key', 'Stops', { Id: null }, 'Id is empty'],
  ['an unknown property', 'Stops', { Id: undefined }, 'there is no Id'],
  ['a name that is no text', 'Stops', { Name: { ru: 'x' } }, 'Name is no text'],
  ['a latitude outside', 'Stops', { Latitude: 91 }, 'Latitude is not from -90 to 90'],
  ['a number that is none', 'Stops', { Longitude: 'восток' }, 'Longitude is no number'],
  ['a key twice', 'Stops', { Id: ' stop-0001 ' }, 'its key was there before'],
  ['a key of a virtual stop', 'Stops', { Id: 'virtual-stop-yakutsk' }, 'as only keys of virtual entities do'],
  ['a rounded key', 'Stops', { Id: Number.MAX_SAFE_INTEGER + 1 }, 'too large to be exact'],
  ['a route without a stop', 'Routes', { ToStopId: '00000000-0000-0000-0000-000000000000' }, 'ToStopId is empty'],
  ['an empty departure', 'Flights', { DepartureAt: '0001-01-01T00:00:00' }, 'DepartureAt is empty'],
  ['a time that is none', 'Flights', { ArrivalAt: 'завтра' }, 'ArrivalAt is no date and time'],
  ['too many seats', 'Flights', { AvailableSeats: 3_000_000_000 }, 'AvailableSeats is not from 0'],
])('%s is refused with its set, place and reason, and without the value', (_what, set, change, reason) => {
  const network = sourceNetwork(5);
  Object.assign(network[set][2]!, change);
  let error: unknown;
  try {
    mapDefault(network);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({
    code: 'OdataInvalid',
    message: expect.stringMatching(new RegExp(`Reading ${set}: 1 of \\d+`)),
  });
  expect(String(error)).toContain(reason);
  if (typeof change[Object.keys(change)[0]!] === 'string') expect(String(error)).not.toContain('восток');
});

test('a property that no row has is told', () => {
  const network = sourceNetwork(3);
  for (const route of network.Routes) delete route['DistanceKm'];
  expect(mapDefault(network).missing).toEqual(['Routes.DistanceKm']);
});

test('a key of several properties, and Int64 as text or number', () => {
  const mapping = structuredClone(DEFAULT_ODATA_MAPPING);
  mapping.stops.fields.id = ['Line', 'Number'];
  const stops = [
    { Line: '9007199254740993', Number: 1, Name: 'a', Latitude: '62.5' },
    { Line: 'x', Number: '2', Name: 'b', Latitude: null },
  ];
  const { rows } = mapAll({ dialect: 'v3', stops, routes: [], flights: [] }, mapping, 'UTC');
  expect(rows.stops.map(({ id }) => id)).toEqual(['9007199254740993|1', 'x|2']);
  expect(rows.stops[0]?.latitude).toBe(62.5);
});

test.each([
  ['2026-12-01T08:00:00+09:00', 'UTC', '2026-11-30T23:00:00.000Z'],
  ['2026-12-01T08:00:00.1234567Z', 'Asia/Yakutsk', '2026-12-01T08:00:00.123Z'],
  ['2026-12-01T08:00:00', 'Asia/Yakutsk', '2026-11-30T23:00:00.000Z'],
  ['2026-12-01T08:00', 'Asia/Srednekolymsk', '2026-11-30T21:00:00.000Z'],
  // The clocks of Berlin skip this hour, and have this one twice.
  ['2026-03-29T02:30:00', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['2026-10-25T02:30:00', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
  ['/Date(1764543600000+0540)/', 'Asia/Yakutsk', '2025-11-30T23:00:00.000Z'],
  // Without an offset it is the clock of the source, as a text without one is.
  ['/Date(1764576000000)/', 'UTC', '2025-12-01T08:00:00.000Z'],
  ['/Date(1764576000000)/', 'Asia/Yakutsk', '2025-11-30T23:00:00.000Z'],
  ['/Date(1774751400000)/', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['/Date(-62135596800000)/', 'UTC', 'empty'],
])('the time %s in %s', (value, zone, expected) => {
  const time = createTimeReader(zone)(value);
  expect(typeof time === 'number' ? new Date(time).toISOString() : time).toBe(expected);
});

test('a time of UTC is what the platform reads, in each of its forms', () => {
  const read = createTimeReader('Asia/Yakutsk');
  const times = fc.date({
    min: new Date('0002-01-01T00:00:00Z'),
    max: new Date('9999-12-31T00:00:00Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(times, (time) => {
      const text = time.toISOString();
      expect(read(text)).toBe(time.getTime());
      expect(read(`${text.slice(0, 19)}Z`)).toBe(Math.floor(time.getTime() / 1_000) * 1_000);
      expect(read(text.replace('Z', '+00:00'))).toBe(time.getTime());
    }),
    { numRuns: 1_000 },
  );
  const digits = fc.integer({ min: 0, max: 99 }).map((n) => String(n).padStart(2, '0'));
  fc.assert(
    fc.property(digits, digits, digits, digits, digits, (month, day, hour, minute, second) => {
      const text = `2026-${month}-${day}T${hour}:${minute}:${second}Z`;
      const time = Date.parse(text);
      // The platform takes 30 February for 2 March.
      if (Number.isNaN(time) || Number(day) > 28) return;
      expect(read(text)).toBe(time);
    }),
    { numRuns: 5_000 },
  );
  expect(read('2026-02-03T24:00:00Z')).toBe(Date.parse('2026-02-04T00:00:00Z'));
});

test.each([
  '2026-02-03T04:05:06.7890Z',
  '2026-02-03 04:05:06Z',
  '2026-02-03T04:05:60Z',
  '2026-02-03T25:05:06Z',
  '2026-0a-03T04:05:06Z',
  '2026-02-03T04:05:0:Z',
  '2026/02-03T04:05:06Z',
  '2026-00-03T04:05:06Z',
  '2026-02-00T04:05:06.000Z',
  '2026-02-03T04:05:06.00xZ',
  '2026-02-03T04-05:06Z',
])('%s is read as no other time', (text) => {
  const read = createTimeReader('UTC')(text);
  if (read !== 'invalid') expect(read).toBe(Date.parse(text));
});

test('a date of V2 without an offset is an instant where its type says so', () => {
  const read = createTimeReader('Asia/Yakutsk');
  expect(read('/Date(1764576000000)/', 'instant')).toBe(1_764_576_000_000);
  expect(read('/Date(1764576000000+0540)/', 'instant')).toBe(1_764_576_000_000);
  expect(['/Date(1)/', '/Date(1+0)/', '/Date(x)/', '2026-12-01T08:00:00', 1, null].filter(isBareJsonDate)).toEqual([
    '/Date(1)/',
  ]);
});

test.each(['2026-02-30T08:00:00', '2026-13-01T08:00:00', '2026-12-01', '08:00', 17, true])('%p is no time', (value) => {
  expect(createTimeReader('UTC')(value)).toBe('invalid');
});

test.each([
  ['42', 42],
  ['-1.5', -1.5],
  ['1e3', 1000],
  ['PT1H30M', 90],
  ['P1DT30S', 1440.5],
  ['P', null],
  ['NaN', null],
  ['0x10', null],
  ['1,5', null],
])('the number %s', (value, expected) => {
  expect(parseSourceNumber(value)).toBe(expected);
});

test('the hash knows content only: not order, noise, dialect or form', () => {
  const network = sourceNetwork(20);
  const reference = mapDefault(network).sha256;
  const noisy = {
    Stops: network.Stops.toReversed().map((row) => ({ '@odata.etag': 'x', Unused: Math.random(), ...row })),
    Routes: network.Routes.map((row) => ({ ...row, DurationMinutes: String(row['DurationMinutes']), FareRub: 150.5 })),
    Flights: network.Flights.map((row) => ({ ...row, DepartureAt: String(row['DepartureAt']).slice(0, 19) })),
  };
  expect(mapDefault(noisy, 'v3').sha256).toBe(reference);
  // The same letter in two forms of Unicode.
  const [nfc, nfd] = [sourceNetwork(2), sourceNetwork(2)];
  nfc.Stops[0]!['Name'] = 'Мирный'.normalize('NFC');
  nfd.Stops[0]!['Name'] = 'Мирный'.normalize('NFD');
  expect(nfc.Stops[0]!['Name']).not.toBe(nfd.Stops[0]!['Name']);
  expect(mapDefault(nfd).sha256).toBe(mapDefault(nfc).sha256);
});

test.each<[string, (network: ReturnType<typeof sourceNetwork>) => void]>([
  ['a name', ({ Stops }) => void (Stops[3]!['Name'] = 'Другая')],
  ['a coordinate', ({ Stops }) => void (Stops[3]!['Latitude'] = 62.0031)],
  ['a duration', ({ Routes }) => void (Routes[0]!['DurationMinutes'] = 11)],
  ['a departure', ({ Flights }) => void (Flights[0]!['DepartureAt'] = '2026-12-01T08:01:00+09:00')],
  ['a row more', ({ Flights }) => void Flights.push({ ...Flights[0], Id: 'new' })],
  ['a row less', ({ Flights }) => void Flights.pop()],
])('%s changes the hash', (_what, change) => {
  const network = sourceNetwork(5);
  change(network);
  expect(mapDefault(network).sha256).not.toBe(mapDefault(sourceNetwork(5)).sha256);
});

test('the mapping is read from the setting, from a file, or is the default', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fleetgraph-mapping-'));
  try {
    const file = join(folder, 'mapping.json');
    writeFileSync(file, JSON.stringify(ONE_C_MAPPING));
    expect(await readMapping('')).toEqual({ mapping: DEFAULT_ODATA_MAPPING, explicit: false });
    const expected = { mapping: odataMappingSchema.parse(ONE_C_MAPPING), explicit: true };
    expect(await readMapping(`file:${file}`)).toEqual(expected);
    expect(await readMapping(JSON.stringify(ONE_C_MAPPING))).toEqual(expected);
    writeFileSync(file, '{"stops":{}}');
    await expect(readMapping(`file:${file}`)).rejects.toMatchObject({
      code: 'InvalidConfiguration',
      message: expect.stringContaining('stops.set'),
    });
    await expect(readMapping(`file:${file}.absent`)).rejects.toMatchObject({ code: 'InvalidConfiguration' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('docs/odata-mapping.md shows the default and a mapping for 1C as they are', () => {
  const page = readFileSync(new URL('../../../../docs/odata-mapping.md', import.meta.url), 'utf8');
  const json = /```json\n([^`]*)```/.exec(page)?.[1] ?? '';
  expect(JSON.parse(json)).toEqual(ONE_C_MAPPING);
  const table = page.slice(page.search(/^\| Set +\|/m), page.indexOf('A property of the default'));
  const shown = [...table.matchAll(/`([A-Z][A-Za-z]*)`/g)].map(([, name]) => name).filter((name) => name !== 'BUS');
  const wanted = Object.values(DEFAULT_ODATA_MAPPING).flatMap((from) => [from.set, ...propertiesOf(from)]);
  expect(shown).toEqual(wanted);
});

test.each(["Stops') or (1 eq 1", 'Stops/$count', 'a b', '../x', ''])('%p is no name of a set', (set) => {
  const mapping = { ...ONE_C_MAPPING, stops: { ...ONE_C_MAPPING.stops, set } };
  expect(isMappingSetting(JSON.stringify(mapping))).toBe(false);
});
