import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import createOdataServer from 'simple-odata-server';
import { DEFAULT_ODATA_MAPPING } from '../../../../src/settings/odata-mapping.ts';
import { ONE_C_MAPPING } from '../../../support/source-network.ts';
import { type SyncFixture, openSyncFixture } from './sync-fixture.ts';

// simple-odata-server: a V4 server by others, with its own router, parser of queries and envelope. Our test source was written by those
// who wrote the client, and could share its misunderstandings.

type Row = Record<string, unknown>;

let fixture: SyncFixture;
let server: Server;
let asked: string[];
const sets: Record<string, Row[]> = {};
const CYRILLIC = { Stops: 'Catalog_Остановки', Routes: 'Catalog_Маршруты', Flights: 'Document_Рейсы' };

beforeAll(async () => {
  fixture = await openSyncFixture();
  let foreign: ReturnType<typeof createOdataServer> | undefined;
  server = createServer((request, response) => {
    asked.push(decodeURIComponent(request.url ?? ''));
    foreign!.handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  foreign = createOdataServer(`${address()}/odata`).model(model());
  foreign.query((set, { $sort = {}, $skip = 0, $limit, $count, $inlinecount }, _request, done) => {
    const rows = (sets[set] ?? []).toSorted((a, b) => compare(Object.keys($sort), a, b));
    // It takes properties out of the rows it is given.
    const page = rows.slice($skip, $limit === undefined ? undefined : $skip + $limit).map((row) => ({ ...row }));
    done(null, $count ? rows.length : $inlinecount ? { count: rows.length, value: page } : page);
  });
});
beforeEach(async () => {
  await fixture.reset();
  asked = [];
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  await fixture.close();
});

const address = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** It knows the properties of a set beforehand, and leaves out what is none of them. */
function model(): object {
  const names = Object.entries(CYRILLIC);
  const typeOf = (rows: Row[]) => ({
    ...Object.fromEntries(Object.keys(rows[0]!).map((property) => [property, { type: 'Edm.String' }])),
    _id: { type: 'Edm.String', key: true },
  });
  return {
    namespace: 'town',
    entityTypes: Object.fromEntries(names.map(([set]) => [set, typeOf(fixture.network[set as keyof typeof CYRILLIC])])),
    entitySets: Object.fromEntries(
      names.flatMap(([set, name]) => [set, name].map((each) => [each, { entityType: `town.${set}` }])),
    ),
  };
}

function compare(names: string[], a: Row, b: Row): number {
  for (const name of names) {
    const [left, right] = [String(a[name]), String(b[name])];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

const saved = () => fixture.rows(`SELECT content_sha256, stops, routes, flights FROM datasets WHERE state = 'active'`);

test.each([
  ['in one page', '1000'],
  ['in pages of four', '4'],
])('the same network from a server of others is the same dataset, %s', async (_, pageSize) => {
  await fixture.sync();
  const own = await saved();
  await fixture.reset();
  for (const [set, rows] of Object.entries(fixture.network)) sets[set] = rows.toReversed();
  await fixture.set('odata.url', `${address()}/odata`);
  await fixture.set('odata.page_size', pageSize);
  expect(await fixture.sync()).toMatchObject({
    status: 'success',
    dataProcessed: { added: 37, updated: 0, deleted: 0 },
  });
  expect(await saved()).toEqual(own);
  expect(asked.filter((url) => url.includes('/Flights?') && url.includes('$orderby=Id')).length).toBe(
    pageSize === '4' ? 5 : 1,
  );
  expect(await fixture.sync()).toMatchObject({ status: 'skipped' });
});

test('Cyrillic names of sets, at a server of others', async () => {
  await fixture.sync();
  const own = await saved();
  await fixture.reset();
  // Its parser of queries takes no Cyrillic properties, so those keep their names.
  for (const [set, name] of Object.entries(CYRILLIC)) sets[name] = fixture.network[set as keyof typeof CYRILLIC];
  const { stops, routes, flights } = structuredClone(DEFAULT_ODATA_MAPPING);
  const mapping = {
    stops: { ...stops, set: CYRILLIC.Stops },
    routes: { ...routes, set: CYRILLIC.Routes },
    flights: { ...flights, set: CYRILLIC.Flights },
  };
  await fixture.set('odata.url', `${address()}/odata`);
  await fixture.set('odata.mapping', JSON.stringify(mapping));
  expect(await fixture.sync()).toMatchObject({ status: 'success' });
  expect(await saved()).toEqual(own);
});

test('what it answers to an unknown set is told', async () => {
  const mapping = { ...ONE_C_MAPPING, stops: { ...ONE_C_MAPPING.stops, set: 'Nowhere' } };
  await fixture.set('odata.url', `${address()}/odata`);
  await fixture.set('odata.mapping', JSON.stringify(mapping));
  await expect(fixture.sync()).rejects.toMatchObject({
    code: 'OdataRejected',
    message: expect.stringMatching(/404 .*Entity set not Found/),
  });
});
