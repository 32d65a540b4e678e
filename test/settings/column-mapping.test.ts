import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { columnMappingSchema, mappedColumns } from '../../src/settings/column-mapping.ts';

const PLAIN = { id: 'id', time: 't', latitude: 'lat', longitude: 'lon' };

const refusal = (over: object): string => {
  const parsed = columnMappingSchema.safeParse({ ...PLAIN, ...over });
  return parsed.success ? 'accepted' : z.prettifyError(parsed.error);
};

test.each([
  [{ speedKmh: { column: 's', unit: 'furlongs' } }, /unit .*"knots"[^]*at speedKmh/],
  [
    { speedKmh: { unit: 'knots' } },
    /column .*\(a column's name, or as \{"column":"speed","unit":"knots"\}\)[^]*at speedKmh/,
  ],
  [{ speedKmh: { column: 's', units: 'knots' } }, /"units"[^]*at speedKmh/],
  [{ altitudeM: { column: 'h', unit: 'kmh' } }, /unit .*"ft"[^]*at altitudeM/],
  [{ latitude: { column: 'l', format: 'dms' } }, /format .*"nmea"[^]*at latitude/],
  [
    { latitude: { column: 'l', format: 'nmea', factor: 1e-7 } },
    /goes with format "degrees" only[^]*at latitude.factor/,
  ],
  [
    { latitude: { column: 'l', format: 'point-x', hemisphere: 'h' } },
    /a POINT holds numbers with their sign[^]*at latitude.format/,
  ],
  [{ latitude: { column: 'l', factor: 0 } }, />0[^]*at latitude.factor/],
  [{ latitude: 7 }, /expected string.*a column's name[^]*at latitude/],
  [{ time: { column: 't', format: 'epoch' } }, /is neither unix-seconds, unix-milliseconds, iso-8601 nor a pattern/],
  [{ time: { column: 't', format: 'DD.MM.YYYY' } }, /it has no hour, no minute/],
  [{ time: { column: 't', format: 'DD.MMM.YYYY HH:mm' } }, /it has the month twice/],
  [{ time: { column: 't', format: 'DD.MM.YYYY hh:mm' } }, /hh and A, for AM and PM, go together/],
  [{ time: { column: 't', format: 'DD.MM.YYYY HH:mm A' } }, /hh and A, for AM and PM, go together/],
  [{ time: { column: 't', format: 'dd.MM.YYYY HH:mm' } }, /the letter d stands for nothing/],
  [{ time: { date: 'd' } }, /clock .*[^]*at time/],
])('%j is refused by what is wrong with it', (over, message) => {
  expect(refusal(over)).toMatch(message);
});

test('plain names stay as they were written, forms get their defaults', () => {
  const parsed = columnMappingSchema.parse({ ...PLAIN, speedKmh: { column: 's', unit: 'knots' } });
  expect(parsed).toEqual({
    ...PLAIN,
    speedKmh: { column: 's', unit: 'knots', factor: 1, decimalComma: false },
    attributes: {},
  });
});

test('a mapping knows every column it reads', () => {
  const mapping = columnMappingSchema.parse({
    id: 'id',
    vehicle: 'v',
    time: { date: 'd', clock: 'c' },
    latitude: { column: 'lat', format: 'nmea', hemisphere: 'ns' },
    longitude: 'lon',
    attributes: { fuel: 'f' },
  });
  expect(mappedColumns(mapping).map(({ field, column }) => `${field}=${column}`)).toEqual([
    'id=id',
    'vehicle=v',
    'time=d',
    'time=c',
    'latitude=lat',
    'latitude=ns',
    'longitude=lon',
    'attributes.fuel=f',
  ]);
});
