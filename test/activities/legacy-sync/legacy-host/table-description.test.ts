import { expect, test } from '@jest/globals';
import { describeTables } from '../../../../src/activities/legacy-sync/legacy-host/table-description.ts';

const ROWS = [
  ['#t', 'gps_data', 'InnoDB'],
  ['#c', 'gps_data', 'id', 'bigint', 'bigint(20)', 'NO'],
  ['#i', 'gps_data', 'PRIMARY', 'id'],
  ['#x', 'GPS_Data'],
  ['1', 'SIMPLE', 'GPS_Data', 'range', 'PRIMARY', 'PRIMARY', '8', 'NULL', '40', 'Using where'],
];

test('a server without case in its names of tables answers by the name that was asked for', () => {
  const table = describeTables([['#n', '1'], ...ROWS], ['GPS_Data']).get('GPS_Data');
  expect(table).toMatchObject({ engine: 'InnoDB', indexes: [['id']], access: { type: 'range', rows: 40 } });
});

test('a server with case knows no other table by it', () => {
  expect(describeTables([['#n', '0'], ...ROWS], ['GPS_Data']).get('GPS_Data')).toBeUndefined();
});
