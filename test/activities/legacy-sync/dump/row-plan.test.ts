import { describe, expect, test } from '@jest/globals';
import { FLAGS } from '../../../../src/activities/legacy-sync/dump/flags.ts';
import { type ColumnMapping, columnMappingSchema } from '../../../../src/settings/column-mapping.ts';
import { type Conversion, convert, dumpText, optionsFor } from './dump-text.ts';
import type { Tuple } from './read-tuples.ts';

type Columns = Record<string, [dataType: string, literal: string]>;

/** One row with these columns beside the usual ones, read as the mapping says. */
function conversionOf(mapping: object, columns: Columns, timeZone = 'UTC'): Conversion {
  const extra = Object.entries(columns).map(([name, [dataType]]): [string, string] => [name, dataType]);
  const options = optionsFor(extra, {}, { timeZone });
  const usual = { ...options.columns, attributes: {} };
  options.columns = columnMappingSchema.parse({ ...usual, ...mapping }) as ColumnMapping;
  const row = Object.fromEntries(Object.entries(columns).map(([name, [, literal]]) => [name, literal]));
  return convert(dumpText([row], { extra }), options);
}

/** What one field of `positions` becomes, or why the row is in quarantine and by which column. */
function read<K extends keyof Tuple>(field: K, mapping: object, columns: Columns, zone?: string): Tuple[K] | string {
  const { fresh, quarantined } = conversionOf(mapping, columns, zone);
  return quarantined[0] ? `${quarantined[0].reason} ${quarantined[0].column}` : fresh[0]![field];
}

const iso = (value: unknown): unknown =>
  typeof value === 'bigint' ? new Date(Number(value / 1000n)).toISOString() : value;

describe('speed and altitude', () => {
  test.each([
    ['kmh', '36.5', 36.5],
    ['knots', '10', 18.52],
    ['mps', '10', 36],
    ['mph', '100', 160.9344],
    ['knots', 'NULL', null],
    ['knots', "'fast'", 'InvalidNumber s'],
    ['knots', "''", null],
  ])('%s %s is %s km/h', (unit, literal, kmh) => {
    expect(read('speedKmh', { speedKmh: { column: 's', unit } }, { s: ['float', literal] })).toBe(kmh);
  });

  test('tenths of a metre per second', () => {
    const mapping = { speedKmh: { column: 's', unit: 'mps', factor: 0.1 } };
    expect(read('speedKmh', mapping, { s: ['int', '125'] })).toBeCloseTo(45, 10);
  });

  test.each([
    ['m', '120.5', 120.5],
    ['ft', '1000', 304.8],
    ['ft', 'NULL', null],
  ])('%s %s is %s m', (unit, literal, metres) => {
    expect(read('altitudeM', { altitudeM: { column: 'h', unit } }, { h: ['double', literal] })).toBe(metres);
  });

  test('a heading with a decimal comma; with a point as well it could be two numbers', () => {
    const mapping = { headingDeg: { column: 'c', decimalComma: true } };
    expect(read('headingDeg', mapping, { c: ['varchar', "' 271,5 '"] })).toBe(271.5);
    expect(read('headingDeg', mapping, { c: ['varchar', "'271'"] })).toBe(271);
    expect(read('headingDeg', mapping, { c: ['varchar', "'1.234,5'"] })).toBe('InvalidNumber c');
    expect(read('headingDeg', { headingDeg: 'c' }, { c: ['varchar', "'271,5'"] })).toBe('InvalidNumber c');
  });
});

describe('coordinates', () => {
  const latitude = (source: object | string, ...columns: [string, string][]): unknown =>
    read('latitude', { latitude: source }, Object.fromEntries(columns.map((column, at) => [`c${at}`, column])));

  test.each([
    ['degrees as text, with blanks', {}, ['varchar', "' 62.0339 '"], 62.0339],
    ['an integer of ten-millionths', { factor: 1e-7 }, ['int', '620339000'], 62.0339],
    ['a negative one', { factor: 1e-6 }, ['int', '-33868820'], -33.86882],
    ['milliseconds of arc', { factor: 1 / 3_600_000 }, ['int', '223322040'], 62.0339],
    ['semicircles', { factor: 180 / 2 ** 31 }, ['int', '740132600'], 740132600 * (180 / 2 ** 31)],
    ['a decimal comma', { decimalComma: true }, ['varchar', "'62,0339'"], 62.0339],
    ['a decimal comma, negative', { decimalComma: true }, ['varchar', "'-0,5'"], -0.5],
    ['two commas', { decimalComma: true }, ['varchar', "'62,033,9'"], 'InvalidCoordinate c0'],
    ['NMEA with its sign', { format: 'nmea' }, ['double', '-6202.034'], -62.0339],
    ['NMEA below one degree', { format: 'nmea' }, ['double', '7.5'], 0.125],
    ['NMEA with the hemisphere behind it', { format: 'nmea' }, ['varchar', "'6202.034N'"], 62.0339],
    ['NMEA with the hemisphere before it', { format: 'nmea' }, ['varchar', "'S 6202.034'"], -62.0339],
    ['NMEA as in a sentence', { format: 'nmea' }, ['varchar', "'6202.0340,S'"], -62.0339],
    ['NMEA, small letter', { format: 'nmea' }, ['varchar', "'6202.034 s'"], -62.0339],
    ['NMEA with a decimal comma', { format: 'nmea', decimalComma: true }, ['varchar', "'6202,034N'"], 62.0339],
    ['NMEA of 61 minutes', { format: 'nmea' }, ['varchar', "'6261.0N'"], 'InvalidCoordinate c0'],
    ['NMEA of the other axis', { format: 'nmea' }, ['varchar', "'6202.034E'"], 'InvalidCoordinate c0'],
    ['NMEA with a sign and a letter', { format: 'nmea' }, ['varchar', "'-6202.034S'"], 'InvalidCoordinate c0'],
    ['NMEA with two letters', { format: 'nmea' }, ['varchar', "'N6202.034N'"], 'InvalidCoordinate c0'],
    ['NMEA beyond the pole', { format: 'nmea' }, ['varchar', "'9100.0N'"], 'CoordinateOutOfRange c0'],
    ['nothing', { format: 'nmea' }, ['varchar', 'NULL'], 'MissingCoordinate c0'],
    ['an empty text', { format: 'nmea' }, ['varchar', "' '"], 'MissingCoordinate c0'],
    ['a letter alone', { format: 'nmea' }, ['varchar', "'N'"], 'InvalidCoordinate c0'],
  ] as [string, object, [string, string], unknown][])('%s', (_name, form, column, expected) => {
    expect(latitude({ column: 'c0', ...form }, column)).toBe(expected);
  });

  test('an empty text in the plain form is a row without a fix', () => {
    expect(latitude('c0', ['varchar', "''"])).toBe('MissingCoordinate c0');
  });

  test.each([
    ["'N'", '6202.034', 62.0339],
    ["'s'", '6202.034', -62.0339],
    ["' S '", '6202.034', -62.0339],
    ["'E'", '6202.034', 'InvalidCoordinate c0'],
    ["'X'", '6202.034', 'InvalidCoordinate c1'],
    ['NULL', '6202.034', 'InvalidCoordinate c1'],
    ["'N'", '-6202.034', 'InvalidCoordinate c0'],
    ["'N'", 'NULL', 'MissingCoordinate c0'],
  ])('hemisphere %s in a column of its own, of %s', (letter, value, expected) => {
    const source = { column: 'c0', format: 'nmea', hemisphere: 'c1' };
    expect(latitude(source, ['double', value], ['char', letter])).toBe(expected);
  });

  test('degrees without a sign, and their hemisphere', () => {
    const source = { column: 'c0', hemisphere: 'c1', decimalComma: true };
    expect(latitude(source, ['varchar', "'33,86882'"], ['char', "'S'"])).toBe(-33.86882);
  });

  /** A POINT as MySQL keeps it; `order` 1 is little-endian, which is what every platform of today writes. */
  const point = (x: number, y: number, order: 0 | 1 = 1): string => {
    const bytes = Buffer.alloc(25);
    bytes[4] = order;
    if (order === 1) {
      bytes.writeUInt32LE(1, 5);
      bytes.writeDoubleLE(x, 9);
      bytes.writeDoubleLE(y, 17);
    } else {
      bytes.writeUInt32BE(1, 5);
      bytes.writeDoubleBE(x, 9);
      bytes.writeDoubleBE(y, 17);
    }
    return `0x${bytes.toString('hex')}`;
  };

  test.each([0, 1] as const)('both halves of a POINT, byte order %i', (order) => {
    const mapping = { latitude: { column: 'p', format: 'point-y' }, longitude: { column: 'p', format: 'point-x' } };
    const { fresh } = conversionOf(mapping, { p: ['point', point(129.7331, 62.0339, order)] });
    expect(fresh).toMatchObject([{ latitude: 62.0339, longitude: 129.7331 }]);
    const swapped = { latitude: { column: 'p', format: 'point-x' }, longitude: { column: 'p', format: 'point-y' } };
    expect(read('latitude', swapped, { p: ['point', point(62.0339, 129.7331, order)] })).toBe(62.0339);
  });

  test.each([
    ['NULL', 'MissingCoordinate p'],
    [`${point(1, 2).slice(0, -2)}`, 'InvalidCoordinate p'],
    [point(1, 2).replace('0x0000000001010000', '0x0000000001020000'), 'InvalidCoordinate p'],
  ])('a POINT that is none: %s', (literal, expected) => {
    expect(read('latitude', { latitude: { column: 'p', format: 'point-y' } }, { p: ['point', literal] })).toBe(
      expected,
    );
  });

  test('a POINT column is no number, and a number no POINT', () => {
    const refused = (message: string) =>
      expect.objectContaining({ code: 'SchemaDrift', message: expect.stringContaining(message) });
    expect(() => conversionOf({ latitude: 'p' }, { p: ['point', 'NULL'] })).toThrow(
      refused('column p, mapped as a coordinate, is of type point'),
    );
    const half = { latitude: { column: 'p', format: 'point-y' } };
    expect(() => conversionOf(half, { p: ['double', '1'] })).toThrow(
      refused('column p, mapped as half of a POINT, is of type double'),
    );
  });
});

describe('text under a latin1 label', () => {
  const latin1 = (bytes: Buffer): string => `'${new TextDecoder('windows-1252').decode(bytes)}'`;
  const cp1251 = Buffer.from('cff0e8e2e5f2', 'hex');
  const koi8r = Buffer.from('f0d2c9d7c5d4', 'hex');
  const cp1250 = Buffer.from('d06f6b6f7669e6', 'hex');

  const attribute = (latin1Holds: string | undefined, literal: string, dataType = 'varchar'): [unknown, number] => {
    const source = latin1Holds === undefined ? 'd' : { column: 'd', latin1Holds };
    const { fresh, quarantined } = conversionOf({ attributes: { driver: source } }, { d: [dataType, literal] });
    if (quarantined[0]) return [quarantined[0].reason, 0];
    return [(JSON.parse(fresh[0]!.attributes!) as { driver: unknown }).driver, fresh[0]!.flags];
  };

  test.each([
    ['cp1251', latin1(cp1251), 'Привет', FLAGS.TEXT_RELABELLED],
    ['koi8-r', latin1(koi8r), 'Привет', FLAGS.TEXT_RELABELLED],
    ['cp1250', latin1(cp1250), 'Đoković', FLAGS.TEXT_RELABELLED],
    ['utf8', latin1(Buffer.from('Привет')), 'Привет', FLAGS.DOUBLE_ENCODING_MENDED],
    [undefined, latin1(cp1251), 'Ïðèâåò', 0],
    ['cp1251', "'bus 7'", 'bus 7', 0],
    ['cp1251', "'Привет'", 'Привет', 0],
    ['cp1251', `${latin1(cp1251).slice(0, -1)}\\n\\'x'`, "Привет\n'x", FLAGS.TEXT_RELABELLED],
    ['cp1251', 'NULL', null, 0],
  ])('%s, shown as %s', (hidden, literal, expected, flags) => {
    expect(attribute(hidden, literal)).toEqual([expected, flags]);
  });

  test('goes with texts only', () => {
    expect(() => attribute('cp1251', '1', 'int')).toThrow(
      expect.objectContaining({
        code: 'SchemaDrift',
        message: expect.stringContaining('column d, mapped as a text that is cp1251'),
      }),
    );
  });
});

describe('times', () => {
  const time = (source: object | string, columns: Columns, zone?: string): unknown =>
    iso(read('timeMicros', { time: source }, columns, zone));

  test.each([
    ['seconds', 'unix-seconds', 'int', '1748779200', '2025-06-01T12:00:00.000Z'],
    ['seconds with a fraction', 'unix-seconds', 'decimal', '1748779200.250', '2025-06-01T12:00:00.250Z'],
    ['seconds as text', 'unix-seconds', 'varchar', "' 1748779200 '", '2025-06-01T12:00:00.000Z'],
    ['milliseconds', 'unix-milliseconds', 'bigint', '1748779200123', '2025-06-01T12:00:00.123Z'],
    ['milliseconds as text', 'unix-milliseconds', 'varchar', "'1748779200123'", '2025-06-01T12:00:00.123Z'],
    ['milliseconds that are called seconds', 'unix-seconds', 'bigint', '1748779200123', 'InvalidTime u'],
    ['seconds that are called milliseconds', 'unix-milliseconds', 'int', '1748779200', 'InvalidTime u'],
    ['no time', 'unix-seconds', 'int', '0', 'ZeroDate u'],
    ['no time in text', 'unix-milliseconds', 'varchar', "''", 'MissingTime u'],
    ['NULL', 'unix-seconds', 'int', 'NULL', 'MissingTime u'],
    ['a negative one', 'unix-seconds', 'int', '-1', 'InvalidTime u'],
    ['one with an exponent', 'unix-seconds', 'float', '1.74878e9', 'InvalidTime u'],
    ['a word', 'unix-seconds', 'varchar', "'now'", 'InvalidTime u'],
    ['an offset', 'iso-8601', 'varchar', "'2025-06-01T12:00:00+05:30'", '2025-06-01T06:30:00.000Z'],
    ['a negative offset', 'iso-8601', 'varchar', "'2025-06-01 12:00:00-0600'", '2025-06-01T18:00:00.000Z'],
    ['an offset of hours', 'iso-8601', 'varchar', "'2025-06-01T12:00:00 +03'", '2025-06-01T09:00:00.000Z'],
    ['Z and a fraction', 'iso-8601', 'varchar', "'2025-06-01T12:00:00.1234567Z'", '2025-06-01T12:00:00.123Z'],
    ['no offset', 'iso-8601', 'varchar', "'2025-06-01T12:00:00'", 'InvalidTime u'],
    ['an offset that is none', 'iso-8601', 'varchar', "'2025-06-01T12:00:00+99:00'", 'InvalidTime u'],
    ['a fraction without digits', 'iso-8601', 'varchar', "'2025-06-01T12:00:00.Z'", 'InvalidTime u'],
    ['a zero date', 'iso-8601', 'varchar', "'0000-00-00T00:00:00Z'", 'ZeroDate u'],
  ])('%s (%s in %s)', (_name, format, dataType, literal, expected) => {
    expect(time({ column: 'u', format }, { u: [dataType, literal] }, 'Asia/Yakutsk')).toBe(expected);
  });

  test('to the microsecond', () => {
    const read1 = (format: string, literal: string) =>
      read('timeMicros', { time: { column: 'u', format } }, { u: ['varchar', `'${literal}'`] });
    expect(read1('unix-seconds', '1748779200.123456')).toBe(1_748_779_200_123_456n);
    expect(read1('unix-milliseconds', '1748779200123.456')).toBe(1_748_779_200_123_456n);
    expect(read1('iso-8601', '2025-06-01T12:00:00.123456Z')).toBe(1_748_779_200_123_456n);
    expect(read1('DD.MM.YYYY HH:mm:ss.SSSSSS', '01.06.2025 12:00:00.123456')).toBe(1_748_779_200_123_456n);
  });

  test.each([
    ['DD.MM.YYYY HH:mm:ss', '01.06.2025 21:00:00', '2025-06-01T12:00:00.000Z'],
    ['D/M/YYYY H:mm', '1/6/2025 9:05', '2025-06-01T00:05:00.000Z'],
    ['MM/DD/YYYY hh:mm:ss A', '06/01/2025 09:00:00 PM', '2025-06-01T12:00:00.000Z'],
    ['MM/DD/YYYY hh:mm A', '06/01/2025 12:30 am', '2025-05-31T15:30:00.000Z'],
    ['YYMMDDHHmmss', '250601210000', '2025-06-01T12:00:00.000Z'],
    ['YYYYMMDD[T]HHmmssZ', '20250601T120000Z', '2025-06-01T12:00:00.000Z'],
    ['DD.MM.YYYY HH:mm:ss Z', '01.06.2025 12:00:00 +02:00', '2025-06-01T10:00:00.000Z'],
    ['DD.MM.YYYY HH:mm:ss', '01.06.2025 21:00', 'InvalidTime u'],
    ['DD.MM.YYYY HH:mm', '01.06.2025 21:00:00', 'InvalidTime u'],
    ['DD.MM.YYYY HH:mm', '1.06.2025 21:00', 'InvalidTime u'],
    ['DD.MM.YYYY HH:mm', '31.02.2025 21:00', 'InvalidTime u'],
    ['DD.MM.YYYY HH:mm', '01.06.2025 24:00', 'InvalidTime u'],
    ['DD.MM.YYYY HH:mm', '00.00.0000 00:00', 'ZeroDate u'],
    ['MM/DD/YYYY hh:mm A', '06/01/2025 13:00 PM', 'InvalidTime u'],
  ])('%s reads %s', (format, value, expected) => {
    expect(time({ column: 'u', format }, { u: ['varchar', `'${value}'`] }, 'Asia/Yakutsk')).toBe(expected);
  });

  test('a local time of a pattern knows the hour that the clocks skip', () => {
    const source = { column: 'u', format: 'DD.MM.YYYY HH:mm' };
    const row: Columns = { u: ['varchar', "'09.03.2025 02:30'"] };
    expect(time(source, row, 'America/Chicago')).toBe('2025-03-09T08:30:00.000Z');
  });

  test.each([
    ["'2025-06-01'", "'21:00:00'", '2025-06-01T12:00:00.000Z'],
    ["'2025-06-01'", "'21:00:00.5'", '2025-06-01T12:00:00.500Z'],
    ["'2025-06-01'", 'NULL', 'MissingTime d'],
    ['NULL', "'21:00:00'", 'MissingTime d'],
    ["'2025-06-01'", "'-01:00:00'", 'InvalidTime d'],
    ["'2025-06-01'", "'25:00:00'", 'InvalidTime d'],
    ["'0000-00-00'", "'00:00:00'", 'ZeroDate d'],
  ])('DATE %s and TIME %s', (date, clock, expected) => {
    const columns: Columns = { d: ['date', date], c: ['time', clock] };
    expect(time({ date: 'd', clock: 'c' }, columns, 'Asia/Yakutsk')).toBe(expected);
  });

  test('a date and a time of day as texts of a pattern', () => {
    const columns: Columns = { d: ['varchar', "'1/6/2025'"], c: ['varchar', "'9:05 PM'"] };
    const source = { date: 'd', clock: 'c', format: 'D/M/YYYY h:mm A' };
    expect(time(source, columns)).toBe('2025-06-01T21:05:00.000Z');
  });

  test('a date alone is no time of a fix, by its type or by what a text holds', () => {
    expect(() => conversionOf({ time: 'd' }, { d: ['date', "'2025-06-01'"] })).toThrow(
      expect.objectContaining({
        code: 'SchemaDrift',
        message: expect.stringContaining('A date alone says no time of day'),
      }),
    );
    expect(time('d', { d: ['varchar', "'2025-06-01'"] })).toBe('InvalidTime d');
    expect(time('d', { d: ['varchar', "'2025-06-01 12:00:00'"] })).toBe('2025-06-01T12:00:00.000Z');
  });

  test('a number that nobody called seconds or milliseconds is refused by its column', () => {
    expect(() => conversionOf({ time: 'u' }, { u: ['bigint', '1748779200'] })).toThrow(
      expect.objectContaining({
        code: 'SchemaDrift',
        message: expect.stringMatching(/column u, .* type bigint.*"format"/),
      }),
    );
  });

  test('the time of receipt has the same forms', () => {
    const mapping = { receivedAt: { column: 'u', format: 'unix-seconds' } };
    expect(read('receivedMicros', mapping, { u: ['int', '1748779200'] })).toBe(1_748_779_200_000_000n);
    expect(read('receivedMicros', mapping, { u: ['int', '0'] })).toBe(null);
  });
});
