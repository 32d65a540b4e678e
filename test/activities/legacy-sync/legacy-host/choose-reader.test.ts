import { expect, test } from '@jest/globals';
import { chooseReader } from '../../../../src/activities/legacy-sync/legacy-host/choose-reader.ts';
import { selectDump } from '../../../../src/activities/legacy-sync/legacy-host/select-rows.ts';

const column = (name: string, columnType: string) => {
  return { name, columnType, dataType: columnType.replace(/\(.*/, ''), nullable: true };
};
const plain = [column('id', 'int'), column('t', 'datetime'), column('lat', 'double'), column('lon', 'float(10,6)')];
const mapping = { id: 'id', time: 't', latitude: 'LAT', longitude: 'lon', attributes: {} };
const kindOf = (setting: 'auto' | 'mysqldump' | 'select', engine: string | null, columns = plain) =>
  chooseReader(setting, { engine, columns }, mapping).kind;

test.each([
  ['InnoDB', 'mysqldump'],
  ['MyISAM', 'mysqldump'],
  [null, 'mysqldump'],
  ['-', 'select'],
  ['MRG_MyISAM', 'select'],
  ['FEDERATED', 'select'],
])('auto reads %s by %s', (engine, kind) => {
  expect(kindOf('auto', engine)).toBe(kind);
});

test('auto reads a mapped FLOAT by SELECT, and one that is not mapped by mysqldump', () => {
  expect(kindOf('auto', 'InnoDB', [...plain.slice(0, 2), column('lat', 'float'), plain[3]!])).toBe('select');
  expect(kindOf('auto', 'InnoDB', [...plain, column('hdop', 'float')])).toBe('mysqldump');
});

test('auto takes six digits of a speed, a course or an altitude, and all digits of an attribute', () => {
  const columns = [...plain, column('v', 'float')];
  const read = (more: object) => chooseReader('auto', { engine: 'InnoDB', columns }, { ...mapping, ...more }).kind;
  for (const field of ['speedKmh', 'headingDeg', 'altitudeM']) expect(read({ [field]: 'v' })).toBe('mysqldump');
  expect(read({ speedKmh: { column: 'v', unit: 'knots' } })).toBe('mysqldump');
  expect(read({ attributes: { odometer: 'v' } })).toBe('select');
});

test('a setting wins, but for a table that nobody has looked at yet', () => {
  expect(kindOf('mysqldump', '-')).toBe('mysqldump');
  expect(kindOf('select', 'InnoDB')).toBe('select');
  expect(kindOf('select', 'InnoDB', [])).toBe('mysqldump');
});

test('columns whose names no statement of ours may hold are left out', () => {
  const { before } = selectDump('gps', [...plain, column("it's", 'int')], 'id');
  expect(before).toContain('INSERT INTO `gps` (`id`, `t`, `lat`, `lon`) VALUES (');
  expect(before).not.toContain("it's");
});
