import { describe, expect, test } from '@jest/globals';
import type { SampleRow } from '../../src/legacy-inspection/number-form.ts';
import { proposeMappings } from '../../src/legacy-inspection/propose-mapping.ts';
import { refineMapping } from '../../src/legacy-inspection/refine-mapping.ts';
import type { SampledFix } from '../../src/legacy-inspection/sampled-fix.ts';
import { austin } from './austin.ts';
import { drive } from './drive.ts';

/** A table of these columns, all of one type, that holds these fixes. */
function refined(
  fixes: readonly SampledFix[],
  type: string,
  cells: (fix: SampledFix) => Record<string, string | null>,
) {
  const rows: SampleRow[] = fixes.map((fix) => new Map(Object.entries(cells(fix))));
  const columns = [...rows[0]!.keys()].map((name) => ({ name, dataType: type, columnType: type }));
  const table = { name: 'gps', engine: 'InnoDB', isView: false, estimatedRows: 1, columns, indexes: [] };
  return refineMapping(proposeMappings([table])[0]!, rows);
}

const belgrade = drive({ seed: 3, latitude: 44.8, longitude: 20.4, fixes: 500 });
const cells = ({ vehicle, seconds, latitude, longitude, speed, heading }: SampledFix) => ({
  imei: vehicle,
  ts: String(seconds),
  lat: String(latitude),
  lon: String(longitude),
  speed: speed === null ? null : String(speed),
  heading: heading === null ? null : String(heading),
});

test('the real buses of Austin report mph', () => {
  const { columns, told } = refined(austin(), 'varchar', cells);
  expect(columns.speedKmh).toEqual({ column: 'speed', unit: 'mph', factor: 1, decimalComma: false });
  expect(told).toContainEqual(expect.stringMatching(/^speed is in mph/));
});

describe('what stands the wrong way', () => {
  test('swapped coordinates are swapped back, by the headings alone', () => {
    const { columns } = refined(belgrade, 'double', (fix) => ({
      ...cells(fix),
      lat: String(fix.longitude),
      lon: String(fix.latitude),
    }));
    expect(columns).toMatchObject({ latitude: 'lon', longitude: 'lat', speedKmh: 'speed' });
  });

  test('milliseconds in a bigint, and seconds in one', () => {
    const milli = refined(belgrade, 'bigint', (fix) => ({ ...cells(fix), ts: String(fix.seconds * 1000) }));
    expect(milli.columns.time).toEqual({ column: 'ts', format: 'unix-milliseconds' });
    expect(refined(belgrade, 'bigint', cells).columns.time).toEqual({ column: 'ts', format: 'unix-seconds' });
  });

  test('letters of the hemisphere in the value, south and west', () => {
    const south = drive({ seed: 5, latitude: -34.6, longitude: -58.4, fixes: 500 });
    const { columns } = refined(south, 'varchar', (fix) => ({
      ...cells(fix),
      lat: `${-fix.latitude} S`,
      lon: `${-fix.longitude} W`,
    }));
    expect(columns.latitude).toEqual({ column: 'lat', factor: 1, decimalComma: false, format: 'degrees' });
  });
});

describe('what cannot be told is said, by its column', () => {
  test('a time of no form', () => {
    const { unsure } = refined(belgrade, 'varchar', (fix) => ({ ...cells(fix), ts: `day ${fix.seconds}` }));
    expect(unsure).toContainEqual(
      expect.stringMatching(/^ts holds "day \d+", which is no time of a form that we know/),
    );
  });

  test('a word among the numbers', () => {
    const { unsure } = refined(belgrade, 'varchar', (fix) => ({
      ...cells(fix),
      lat: fix === belgrade[7] ? 'n/a' : String(fix.latitude),
    }));
    expect(unsure).toContainEqual('lat holds "n/a", which is no number');
  });

  test('speeds of a fleet that stands', () => {
    const { unsure } = refined(belgrade, 'double', (fix) => ({ ...cells(fix), lat: '44.8', lon: '20.4', speed: '0' }));
    expect(unsure).toContainEqual(expect.stringMatching(/^speed is taken for kmh: 0 ways between fixes/));
  });

  test('a table without a row', () => {
    const table = { name: 'gps', engine: 'InnoDB', isView: false, estimatedRows: 0, indexes: [] };
    const columns = ['ts', 'lat', 'lon'].map((name) => ({ name, dataType: 'bigint', columnType: 'bigint' }));
    const { unsure } = refineMapping(proposeMappings([{ ...table, columns }])[0]!, []);
    expect(unsure).toEqual(
      expect.arrayContaining([
        'gps has no row that would tell',
        expect.stringMatching(/^ts is taken for milliseconds/),
      ]),
    );
  });
});
