import { expect, test } from '@jest/globals';
import { mayStream } from '../../../../src/activities/legacy-sync/vehicle/stream-range.ts';
import type { VehicleContext } from '../../../../src/activities/legacy-sync/vehicle-context.ts';

const exec = { streamMaxBytes: 1_048_576, method: 'exec', rangeRows: null };
const syncOf = (sync: Partial<VehicleContext['sync']>): VehicleContext =>
  ({ sync: { mode: 'delta', plannedRows: 100, bytesPerRow: null, overlapRows: null, ...sync } }) as VehicleContext;

test.each<{ what: string; sync: Partial<VehicleContext['sync']>; small: boolean }>([
  { what: 'a small delta', sync: {}, small: true },
  { what: 'a backlog', sync: { plannedRows: 1_000_000 }, small: false },
  { what: 'rows that were small the last time', sync: { plannedRows: 50_000, bytesPerRow: 20 }, small: true },
  {
    what: 'few rows that brought many of the overlap along',
    sync: { bytesPerRow: 40, overlapRows: 50_000 },
    small: false,
  },
  { what: 'rows that were large the last time', sync: { plannedRows: 5_000, bytesPerRow: 400 }, small: false },
  { what: 'a full run, whose new rows are not told apart', sync: { mode: 'full' }, small: false },
])('$what: streamed, $small', ({ sync, small }) => {
  expect(mayStream(syncOf(sync), exec)).toBe(small);
});

test('what is cut into ranges is not streamed: planning counted all of it', () => {
  expect(mayStream(syncOf({}), { ...exec, rangeRows: 75 })).toBe(false);
});

test('only exec streams', () => {
  expect(['sftp', 'scp'].map((method) => mayStream(syncOf({}), { ...exec, method }))).toEqual([false, false]);
});
