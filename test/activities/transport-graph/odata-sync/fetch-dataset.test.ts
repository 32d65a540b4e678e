import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type EmulatedSource, startOdataSource } from '../../../../src/emulators/odata-source.ts';
import { DEFAULT_ODATA_MAPPING } from '../../../../src/settings/odata-mapping.ts';
import { sourceNetwork } from '../../../support/source-network.ts';
import { type SyncFixture, openSyncFixture } from './sync-fixture.ts';

let fixture: SyncFixture;
beforeAll(async () => {
  fixture = await openSyncFixture();
});
beforeEach(() => fixture.reset());
afterAll(() => fixture.close());

/** The times of the flights as V2 writes them: `read` makes the milliseconds of a text with its offset. */
function inV2(flights: Record<string, unknown>[], read: (text: string) => number): void {
  for (const flight of flights) {
    for (const name of ['DepartureAt', 'ArrivalAt']) flight[name] = `/Date(${read(String(flight[name]))})/`;
  }
}
const instantOf = (text: string): number => Date.parse(text);
const clockOf = (text: string): number => Date.parse(text.replace('+09:00', 'Z'));

test('V2 writes a wall clock and an instant alike: $metadata says which it is, or the mapping does, and nobody guesses', async () => {
  await fixture.set('odata.time_zone', 'Asia/Yakutsk');
  await fixture.sync();
  const source = await startOdataSource({ ...sourceNetwork() }, 'v2');
  const typed = (type: string) => ({ Flights: { Id: 'Edm.String', DepartureAt: type, ArrivalAt: type } });
  const inForm = async (
    read: (text: string) => number,
    types: EmulatedSource['types'],
    jsonDates?: 'clock' | 'instant',
  ) => {
    source.sets['Flights'] = sourceNetwork().Flights;
    inV2(source.sets['Flights'], read);
    source.types = types;
    const { flights, ...rest } = DEFAULT_ODATA_MAPPING;
    const mapping = { ...rest, flights: { ...flights, ...(jsonDates && { jsonDates }) } };
    await fixture.set('odata.mapping', jsonDates === undefined ? '' : JSON.stringify(mapping));
    return fixture.sync();
  };
  try {
    await fixture.set('odata.url', source.url);
    const unchanged = { status: 'skipped', message: expect.stringMatching(/no changes detected$/) };
    expect(await inForm(clockOf, typed('Edm.DateTime'))).toMatchObject(unchanged);
    expect(await inForm(instantOf, typed('Edm.DateTimeOffset'))).toMatchObject(unchanged);
    expect(await inForm(clockOf, null, 'clock')).toMatchObject(unchanged);
    expect(await inForm(instantOf, typed('Edm.DateTime'), 'instant')).toMatchObject(unchanged);
    for (const [types, found] of [
      [null, 'does not say its type'],
      [typed('Edm.String'), 'says Edm.String'],
    ] as const) {
      await expect(inForm(clockOf, types)).rejects.toMatchObject({
        code: 'OdataInvalid',
        message: expect.stringContaining(`DepartureAt is a /Date(…)/ without an offset, and $metadata ${found}`),
      });
    }
    // An hour of another clock would be a change of every flight.
    expect(await inForm(clockOf, typed('Edm.DateTimeOffset'))).toMatchObject({
      status: 'success',
      dataProcessed: { updated: 18 },
    });
  } finally {
    await source.close();
  }
});
