import { expect, test } from '@jest/globals';
import { rowKey } from '../../../../src/activities/legacy-sync/legacy-host/row-key.ts';
import { IDS_PER_SECOND } from '../../../../src/settings/overlap.ts';

const ID = String(1_750_000_000n * BigInt(IDS_PER_SECOND) + 77n);

test('an integer column is its own key', () => {
  const key = rowKey({ id: 'id' });
  expect([key.sql, key.column, key.above('7'), key.from('7'), key.upTo('@last', '9')]).toEqual([
    '`id`',
    'id',
    '`id` > 7',
    '`id` >= 7',
    '`id` <= @last',
  ]);
});

test('every condition of a made id has a bound of its time, which an index serves', () => {
  const unix = rowKey({ id: { time: 'ts', format: 'unix-seconds', columns: ['ts', 'code'] } });
  expect(unix.above(ID)).toBe(`\`ts\` >= 1750000000 AND ${unix.sql} > ${ID}`);
  expect(unix.upTo('@last', ID)).toBe(`\`ts\` < 1750000001 AND ${unix.sql} <= @last`);
  const local = rowKey({ id: { time: 'dt', format: 'datetime', columns: ['dt'] } });
  expect(local.from(ID)).toContain("`dt` >= TIMESTAMP'1970-01-01 00:00:00' + INTERVAL 1750000000 SECOND AND ");
});

test('what is no id goes into no statement', () => {
  expect(() => rowKey({ id: 'id' }).above('1 OR 1')).toThrow('Not a legacy row id');
  expect(() => rowKey({ id: { time: "a'b", format: 'datetime', columns: ['x'] } })).toThrow('Not a MySQL identifier');
});
