/** Which rows are compared with the tables: those of buckets whose digest changed, and all where the digests do not fit. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareNetwork } from '../../../../src/activities/transport-graph/odata-sync/network-set.ts';
import { readStoredNetwork } from '../../../../src/records/network-sets.ts';
import { readTransportGraphSettings } from '../../../../src/records/settings.ts';
import { DEFAULT_ODATA_MAPPING } from '../../../../src/settings/odata-mapping.ts';
import { type SyncFixture, openSyncFixture } from './sync-fixture.ts';
import { sourceNetwork } from '../../../support/source-network.ts';

let fixture: SyncFixture;
beforeAll(async () => (fixture = await openSyncFixture()));
beforeEach(() => fixture.reset());
afterAll(() => fixture.close());

const tables = async (): Promise<unknown[]> => [
  await fixture.rows('SELECT id, name FROM stops ORDER BY id'),
  await fixture.rows('SELECT id, duration_minutes AS minutes FROM routes ORDER BY id'),
  await fixture.rows('SELECT id, available_seats AS seats FROM flights ORDER BY id'),
];
const published = ({ network }: SyncFixture): unknown[] => [
  network.Stops.map(({ Id: id, Name: name }) => ({ id, name })),
  network.Routes.map(({ Id: id, DurationMinutes: minutes }) => ({ id, minutes })),
  network.Flights.map(({ Id: id, AvailableSeats: seats }) => ({ id, seats })),
];

test('after any changes, row by row, the tables are what the source has, and only what changed was written', async () => {
  const change = fc.record({
    seats: fc.array(fc.tuple(fc.nat(200), fc.nat(60)), { maxLength: 8 }),
    minutes: fc.array(fc.tuple(fc.nat(200), fc.nat(60)), { maxLength: 2 }),
    gone: fc.array(fc.nat(200), { maxLength: 3 }),
    stops: fc.integer({ min: 38, max: 42 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (history) => {
      await fixture.reset();
      for (const { seats, minutes, gone, stops } of history) {
        Object.assign(fixture.network, sourceNetwork(stops, 3));
        const { Routes, Flights } = fixture.network;
        for (const [at, value] of minutes) Routes[at % Routes.length]!['DurationMinutes'] = value;
        for (const [at, value] of seats) Flights[at % Flights.length]!['AvailableSeats'] = value;
        fixture.network.Flights = Flights.filter((_, at) => !gone.includes(at));
        const before = JSON.stringify(await tables());
        const { status, dataProcessed } = await fixture.sync({ force: false });
        expect(await tables()).toEqual(published(fixture));
        const written = dataProcessed.added + dataProcessed.updated + dataProcessed.deleted;
        expect(written > 0).toBe(status === 'success' && before !== JSON.stringify(await tables()));
      }
    }),
    { numRuns: 25 },
  );
});

test('tables that were changed by hand are compared row by row, where their number shows it; force always does', async () => {
  Object.assign(fixture.network, sourceNetwork(40, 3));
  await fixture.sync();
  fixture.network.Flights[0]!['AvailableSeats'] = 7;
  await fixture.rows(`DELETE FROM flights WHERE id = 'flight-0020-1'`);
  expect(await fixture.sync()).toMatchObject({ dataProcessed: { added: 1, updated: 1, deleted: 0 } });
  expect(await tables()).toEqual(published(fixture));
  await fixture.rows(`UPDATE flights SET available_seats = 1 WHERE id = 'flight-0020-1'`);
  expect(await fixture.sync({ force: true })).toMatchObject({ dataProcessed: { added: 0, updated: 1, deleted: 0 } });
  expect(await tables()).toEqual(published(fixture));
});

test('a set whose answers are the same is not mapped, and still goes into a table that was emptied by hand', async () => {
  Object.assign(fixture.network, sourceNetwork(40, 3));
  await fixture.sync();
  const { odataSource } = await readTransportGraphSettings(fixture.database.pool);
  const stored = (await readStoredNetwork(fixture.database.pool, odataSource))!;
  const unread = () => {
    throw new Error('It was mapped.');
  };
  const rows = { stops: unread, routes: unread, flights: () => [], missing: [] };
  const readings = { stops: stored.stops.readingSha256, routes: stored.routes.readingSha256, flights: 'another' };
  const network = compareNetwork({ readings, rows }, stored);
  expect(network).toMatchObject({ stops: { changed: [], rows: 40 }, routes: { changed: [] }, flights: { rows: 0 } });
  expect(() => compareNetwork({ readings, rows }, null)).toThrow('It was mapped.');

  await fixture.rows('DELETE FROM stops');
  fixture.network.Flights[0]!['AvailableSeats'] = 7;
  expect(await fixture.sync()).toMatchObject({ dataProcessed: { added: 40, updated: 1, deleted: 0 } });
  expect(await tables()).toEqual(published(fixture));
});

test('flights that take their stops from routes are read again when these change', async () => {
  Object.assign(fixture.network, sourceNetwork(10));
  const mapping = structuredClone(DEFAULT_ODATA_MAPPING);
  mapping.flights.fields.fromStopId = undefined;
  mapping.flights.fields.toStopId = undefined;
  await fixture.set('odata.mapping', JSON.stringify(mapping));
  await fixture.sync();
  const { Routes, Flights } = fixture.network;
  const flights = Flights.filter(({ RouteId }) => RouteId === Routes[0]!['Id']).length;
  Routes[0]!['FromStopId'] = 'stop-0005';
  expect(await fixture.sync()).toMatchObject({ dataProcessed: { added: 0, updated: 1 + flights, deleted: 0 } });
  expect(
    await fixture.rows(`SELECT id FROM flights WHERE from_stop_id = 'stop-0005' AND route_id = 'route-0000'`),
  ).toHaveLength(flights);
});

test('the same answers are read once; another mapping reads them again', async () => {
  Object.assign(fixture.network, sourceNetwork(10));
  await fixture.sync();
  expect(await fixture.sync()).toMatchObject({
    status: 'skipped',
    message: 'OData sync skipped - no changes detected',
  });
  await fixture.set('odata.time_zone', 'Europe/Berlin');
  expect(await fixture.sync()).toMatchObject({ status: 'skipped' });
  fixture.network.Flights.forEach((flight) => (flight['DepartureAt'] = '2026-12-01T08:00:00'));
  fixture.network.Flights.forEach((flight) => (flight['ArrivalAt'] = '2026-12-01T09:00:00'));
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
  await fixture.set('odata.time_zone', 'Asia/Yakutsk');
  expect(await fixture.sync()).toMatchObject({ status: 'success', dataProcessed: { updated: 18 } });
});
