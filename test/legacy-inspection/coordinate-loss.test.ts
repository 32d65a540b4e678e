import { expect, test } from '@jest/globals';
import { coordinateLoss } from '../../src/legacy-inspection/coordinate-loss.ts';
import type { CoordinateSource } from '../../src/settings/column-mapping.ts';

const inDegrees = { column: 'lat', factor: 1, decimalComma: false, format: 'degrees' } as const;
const loss = (columnType: string, source: CoordinateSource = 'lat'): string | null =>
  coordinateLoss(
    {
      name: 'gps',
      engine: 'InnoDB',
      isView: false,
      estimatedRows: 1,
      columns: [{ name: 'lat', dataType: columnType.replace(/\(.*/, ''), columnType }],
      indexes: [],
    },
    source,
  );

test.each<[string, CoordinateSource, string | null]>([
  ['double', 'lat', null],
  ['decimal(10,7)', 'lat', null],
  ['decimal(9,5)', 'lat', null],
  ['decimal(7,4)', 'lat', 'lat is DECIMAL(7,4): with 4 decimals it keeps places to 5.6 m'],
  ['double(8,3)', { ...inDegrees, hemisphere: 'ns' }, 'lat is DOUBLE(8,3): with 3 decimals it keeps places to 56 m'],
  ['int', { ...inDegrees, factor: 1e-6 }, null],
  // A factor says how many degrees a 1 is.
  ['decimal(10,0)', { ...inDegrees, factor: 1e-6 }, null],
  ['decimal(6,0)', { ...inDegrees, factor: 1e-4 }, 'lat is DECIMAL(6,0): with 0 decimals it keeps places to 5.6 m'],
  // ddmm.mmmm: four decimals of a minute.
  ['decimal(9,4)', { ...inDegrees, format: 'nmea' }, null],
  ['decimal(7,2)', { ...inDegrees, format: 'nmea' }, 'lat is DECIMAL(7,2): with 2 decimals it keeps places to 9.3 m'],
])('%s read as %j: %s', (type, source, said) => {
  expect(loss(type, source)).toBe(said);
});

test.each<[string, CoordinateSource, RegExp]>([
  ['float', 'lat', /^lat is FLOAT: it keeps places to 0.2 m below 64 degrees.*read by SELECT/],
  ['float', { ...inDegrees, hemisphere: 'ns' }, /^lat is FLOAT: it keeps places to 0.2 m/],
  [
    'float(10,6)',
    'lat',
    /^lat is FLOAT\(10,6\): it keeps places to 0.2 m below 64 degrees, to 0.4 m below 128 and to 0.9 m above$/,
  ],
  ['float', { ...inDegrees, format: 'nmea' }, /^lat is FLOAT: it keeps places to 2 m; it is read by SELECT/],
])('%s read as %j', (type, source, said) => {
  expect(loss(type, source)).toMatch(said);
});
