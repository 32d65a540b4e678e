import { expect, test } from '@jest/globals';
import { severalTables } from '../../src/cli/discover-vehicles.ts';

test('a bus of several tables is said to be a vehicle in each', () => {
  const march = { table: 'fixes_2025_03', legacyVehicleId: '14' };
  const april = { table: 'fixes_2025_04', legacyVehicleId: '14' };
  const own = { table: 'fixes_15', legacyVehicleId: null };
  expect(severalTables([march, april, { ...april, legacyVehicleId: '15' }, own])).toEqual([
    expect.stringMatching(/^1 legacy ids occur in several tables \(14 in fixes_2025_03, fixes_2025_04\)/),
  ]);
  expect(severalTables([march, { ...march, legacyVehicleId: '15' }, own, own])).toEqual([]);
});
