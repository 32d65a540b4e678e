import { expect, test } from '@jest/globals';
import { severalTables } from '../../src/cli/discover-vehicles.ts';

test('a bus of several tables is said to be one vehicle with a part in each', () => {
  const march = { table: 'fixes_2025_03', label: 'Bus 14', series: 'fixes 14' };
  const april = { ...march, table: 'fixes_2025_04' };
  const other = { ...april, label: 'Bus 15', series: 'fixes 15' };
  const own = { table: 'fixes_15', label: 'fixes_15', series: null };
  expect(severalTables([march, april, other, own])).toEqual([
    expect.stringMatching(/^1 of them have rows in several tables \(Bus 14 in fixes_2025_03, fixes_2025_04\)/),
  ]);
  expect(severalTables([march, other, own, own])).toEqual([]);
});
