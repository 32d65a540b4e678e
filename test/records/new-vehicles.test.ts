import { expect, test } from '@jest/globals';
import { compareVehicles, partsOfKnown } from '../../src/records/new-vehicles.ts';
import type { Vehicle } from '../../src/settings/legacy-server.ts';

const at = (legacyVehicleId: string | null, table = 'gps') => ({
  table,
  legacyVehicleId,
  label: legacyVehicleId ?? table,
});
const ours = (...keys: string[]): Vehicle[] =>
  keys.map((key, index) => ({
    ...at(key),
    id: String(index + 1),
    serverId: 'depot',
    partOf: null,
    priority: 0,
    enabled: true,
    watermark: '0',
  }));
const compare = (known: Vehicle[], ...found: ReturnType<typeof at>[]) => {
  const { fresh, missing } = compareVehicles(known, found);
  return [fresh.map(({ legacyVehicleId }) => legacyVehicleId), missing.map(({ legacyVehicleId }) => legacyVehicleId)];
};

test('what is there and unknown is fresh, what is known and not there is missing', () => {
  expect(compare(ours('1', '2'), at('2'), at('3'))).toEqual([['3'], ['1']]);
  expect(compare([], at(null, 'bus_1'), at(null, 'bus_2'))).toEqual([[null, null], []]);
  expect(compare(ours('1'), at('1', 'archive'))).toEqual([['1'], ['1']]);
});

test('a key that MySQL calls equal is the same vehicle: its rows would come twice', () => {
  expect(compare(ours('bus-1'), at('BUS-1 '))).toEqual([[], []]);
});

test('a table that has both tells them apart', () => {
  expect(compare(ours('bus-1'), at('BUS-1'), at('bus-1'))).toEqual([['BUS-1'], []]);
});

test('rows of a known vehicle in the table of another month are found by its series, under whichever month it is known', () => {
  const inMonth = (key: string, month: string) => ({ ...at(key, `gps_${month}`), series: `gps ${key.toLowerCase()}` });
  const found = [inMonth('A', '05'), inMonth('a', '06'), inMonth('B', '06'), { ...at('A'), series: null }];
  const [known] = ours('A');
  const places = (vehicles: { table: string; legacyVehicleId: string | null }[]) =>
    vehicles.map(({ table, legacyVehicleId }) => `${table} ${legacyVehicleId}`);
  expect(places(partsOfKnown([{ ...known!, table: 'gps_05' }], found))).toEqual(['gps_05 A', 'gps_06 a']);
  expect(places(partsOfKnown([{ ...known!, table: 'gps_06' }], found))).toEqual(['gps_05 A', 'gps_06 a']);
  expect(partsOfKnown([known!], found)).toEqual([]);
});
