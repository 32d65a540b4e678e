import { expect, test } from '@jest/globals';
import { createQuarantineWatch } from '../../../../src/activities/legacy-sync/load/quarantine-watch.ts';

const rows = (reason: 'MissingCoordinate' | 'NullIsland' | 'InvalidTime', count: number) =>
  Array.from({ length: count }, (_, id) => ({
    vehicleId: '7',
    legacyId: String(id),
    reason,
    column: null,
    raw: Buffer.from('(1)'),
  }));
const limits = { quarantineMaxPercent: 1, quarantineMinRows: 20, sampleBytes: 1_000_000 };
const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'QuarantineThresholdExceeded', message: expect.stringMatching(message) });

test('rows without a fix count as bad rows where the server says nothing of them', () => {
  const watch = createQuarantineWatch('7', 1_000, limits);
  expect(() => watch.see(rows('MissingCoordinate', 300))).toThrow(
    refused(/300 of 1000 rows are bad \(MissingCoordinate 300\)/),
  );
});

test('with a limit of their own they fail a range by it alone, and the others keep theirs', () => {
  const watch = createQuarantineWatch('7', 1_000, { ...limits, withoutFixMaxPercent: 60 });
  watch.see(rows('MissingCoordinate', 300));
  watch.see(rows('NullIsland', 300));
  watch.see(rows('InvalidTime', 10));
  expect(() => watch.see(rows('MissingCoordinate', 1))).toThrow(
    refused(/601 of 1000 rows have no fix .* more than 60 %.*values.withoutFixMaxPercent/),
  );
  const other = createQuarantineWatch('7', 1_000, { ...limits, withoutFixMaxPercent: 60 });
  other.see(rows('MissingCoordinate', 300));
  expect(() => other.see(rows('InvalidTime', 20))).toThrow(
    refused(/20 of 1000 rows are bad \(MissingCoordinate 300, InvalidTime 20\)/),
  );
});

test('a range whose rows are known only at its end is judged there, and anew when it is read again', () => {
  const watch = createQuarantineWatch('7', null, { ...limits, withoutFixMaxPercent: 50 });
  watch.see(rows('MissingCoordinate', 60));
  expect(() => watch.conclude(100, 0)).toThrow(refused(/no fix/));
  watch.restart();
  watch.see(rows('MissingCoordinate', 40));
  watch.conclude(100, 0);
  expect(watch.sample).toHaveLength(40);
});

test('rows that are skipped without a fix count against the limit for them alone', () => {
  const limits = { quarantineMaxPercent: 1, quarantineMinRows: 2, sampleBytes: 1_000_000 };
  const watch = createQuarantineWatch('7', null, { ...limits, withoutFixMaxPercent: 60 });
  expect(() => watch.conclude(100, 60)).not.toThrow();
  watch.restart();
  expect(() => watch.conclude(100, 61)).toThrow(/61 of 100 rows have no fix \(skipped 61\)/);
  expect(() => createQuarantineWatch('7', null, limits).conclude(100, 100)).not.toThrow();
});
