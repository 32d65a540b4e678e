import { expect, test } from '@jest/globals';
import { isSmall } from '../../src/activities/legacy-sync/vehicle/fetch-range.ts';
import type { VehicleContext } from '../../src/activities/legacy-sync/vehicle/vehicle-context.ts';

const exec = { atOnceBytes: 4_194_304, method: 'exec' };
const syncOf = (sync: Partial<VehicleContext['sync']>): VehicleContext =>
  ({ sync: { plannedRows: 100, rows: 0, capped: false, ...sync } }) as VehicleContext;

test.each([
  { what: 'a small delta', sync: {}, small: true },
  { what: 'a backlog', sync: { plannedRows: 1_000_000 }, small: false },
  { what: 'the rest of a backlog', sync: { plannedRows: 1_000_000, rows: 990_000 }, small: true },
  {
    what: 'what comes beyond the rows that planning counted up to its cap',
    sync: { plannedRows: 1_000_000, rows: 1_200_000, capped: true },
    small: false,
  },
])('$what: dumped while it holds a place for transfers, $small', ({ sync, small }) => {
  expect(isSmall(syncOf(sync), exec)).toBe(small);
});

test('only exec sends at once', () => {
  expect(['sftp', 'scp'].map((method) => isSmall(syncOf({}), { ...exec, method }))).toEqual([false, false]);
});
