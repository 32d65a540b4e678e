import { describe, expect, test } from '@jest/globals';
import { addId } from '../../../../src/activities/legacy-sync/dump/id-sum.ts';
import { FLAGS } from '../../../../src/activities/legacy-sync/dump/flags.ts';
import type { ValuePolicy } from '../../../../src/settings/legacy-server.ts';
import { type Conversion, convert, dumpText, optionsFor, type Row } from './dump-text.ts';

/** One attribute `a` of a type, from one literal: the JSON text it becomes. */
function attribute(dataType: string, literal: string, values: Partial<ValuePolicy> = {}): string {
  const { fresh, quarantined } = attempt(dataType, literal, values);
  if (quarantined[0] !== undefined) return quarantined[0].reason;
  expect(fresh).toHaveLength(1);
  return /^\{"a":(.*)\}$/s.exec(fresh[0]!.attributes!)![1]!;
}

function attempt(dataType: string, literal: string, values: Partial<ValuePolicy> = {}): Conversion {
  return convert(dumpText([{ a: literal }], { extra: [['a', dataType]] }), optionsFor([['a', dataType]], values));
}

const base = (row: Row, values: Partial<ValuePolicy> = {}, timeZone = 'UTC'): Conversion =>
  convert(dumpText([row]), optionsFor([], values, { timeZone }));

const timesIn = (timeZone: string, times: string[], values: Partial<ValuePolicy> = {}): Conversion =>
  convert(dumpText(times.map((time) => ({ t: `'${time}'` }))), optionsFor([], values, { timeZone }));

const iso = (micros: bigint): string => new Date(Number(micros / 1000n)).toISOString();

describe('text', () => {
  test.each([
    ['NULL is null', 'NULL', 'null'],
    ["the string 'NULL' stays a string", "'NULL'", '"NULL"'],
    ['an empty string is no null', "''", '""'],
    [
      'a backslash before a quote, a doubled quote, double quotes',
      `'it\\'s ''here'' \\"now\\"'`,
      `"it's 'here' \\"now\\""`,
    ],
    ['backslashes', "'C:\\\\x\\\\'", '"C:\\\\x\\\\"'],
    ['newlines, tabs, carriage returns, escaped and raw', "'a\\nb\\rc\\td\ne'", '"a\\nb\\rc\\td\\ne"'],
    ['backspace and control-Z', "'\\b\\Z'", '"\\b\\u001a"'],
    ['an emoji', "'🚌'", '"🚌"'],
    ['what looks like the end of the statement', "'),(''x'');\\nINSERT INTO'", `"),('x');\\nINSERT INTO"`],
    ['latin1 text, which the server sends as UTF-8', "'é'", '"é"'],
  ])('%s', (_name, literal, expected) => {
    expect(attribute('varchar', literal)).toBe(expected);
  });

  test('NUL is stripped and flagged, or quarantined', () => {
    expect(attribute('varchar', "'a\\0b'")).toBe('"ab"');
    expect(attempt('varchar', "'a\\0b'").summary.flags.NUL_STRIPPED).toBe(1);
    expect(attribute('varchar', "'a\\0b'", { nulInText: 'quarantine' })).toBe('NulInText');
  });

  test('bytes that are no UTF-8 are replaced and flagged, or quarantined', () => {
    // A lone continuation byte, a surrogate, an overlong slash, a sequence cut by the end of the text.
    for (const bad of ['80', 'eda080', 'c0af', 'f09f9a']) {
      const literal = (text: Buffer) => {
        const dump = dumpText([{ a: "'PLACE'" }], { extra: [['a', 'varchar']] });
        const at = Buffer.from(dump).indexOf('PLACE');
        return Buffer.concat([Buffer.from(dump).subarray(0, at), text, Buffer.from(dump).subarray(at + 5)]);
      };
      const dump = literal(Buffer.from(bad, 'hex'));
      const replaced = convert(dump, optionsFor([['a', 'varchar']]));
      expect(replaced.fresh[0]!.attributes).toBe(`{"a":"${'\ufffd'.repeat(bad.length / 2)}"}`);
      expect(replaced.fresh[0]!.flags).toBe(FLAGS.UTF8_REPLACED);
      const kept = convert(dump, optionsFor([['a', 'varchar']], { invalidUtf8: 'quarantine' }));
      expect(kept.quarantined).toMatchObject([{ reason: 'InvalidUtf8', column: 'a', legacyId: '1' }]);
    }
  });

  test('double encoding is mended where the policy says so, and only there', () => {
    expect(attribute('varchar', "'CafÃ© â‚¬'")).toBe('"CafÃ© â‚¬"');
    expect(attribute('varchar', "'CafÃ© â‚¬'", { mendDoubleEncoding: true })).toBe('"Café €"');
    expect(attribute('varchar', "'Café'", { mendDoubleEncoding: true })).toBe('"Café"');
    expect(attribute('varchar', "'Ђоковић'", { mendDoubleEncoding: true })).toBe('"Ђоковић"');
    const mended = attempt('varchar', "'CafÃ©'", { mendDoubleEncoding: true });
    expect(mended.summary.flags.DOUBLE_ENCODING_MENDED).toBe(1);
  });
});

describe('numbers and bytes', () => {
  test.each([
    ['an unsigned 64-bit number', 'bigint', '18446744073709551615', '18446744073709551615'],
    ['a negative one', 'int', '-128', '-128'],
    ['a DECIMAL with its zeros', 'decimal', '-0.10', '-0.10'],
    ['ZEROFILL', 'int', '00042', '42'],
    ['zero', 'int', '0', '0'],
    ['YEAR 0000', 'year', '0000', '0'],
    ['a DOUBLE with an exponent', 'double', '1.5e300', '1.5e300'],
    ['tinyint(1) is no boolean', 'tinyint', '7', '7'],
    ['BIT as hex', 'bit', '0x0205', '517'],
    ['BIT(64), all set', 'bit', '0xFFFFFFFFFFFFFFFF', '18446744073709551615'],
    ['BIT as bytes', 'bit', "_binary '\\0\u0005'", '5'],
    ['a BLOB as hex', 'blob', '0x00FFab', '"\\\\x00ffab"'],
    ['an empty BLOB', 'blob', "''", '"\\\\x"'],
    ['BINARY as bytes', 'varbinary', "_binary 'a\\0\\'b'", '"\\\\x61002762"'],
    [
      'a POINT as WKB, without the SRID 0 in front',
      'point',
      '0x00000000010100000000000000004060400000000000004F40',
      '"\\\\x010100000000000000004060400000000000004f40"',
    ],
    [
      'a POINT of the SRID 4326 as EWKB',
      'point',
      '0xE6100000010100000000000000004060400000000000004F40',
      '"\\\\x0101000020e610000000000000004060400000000000004f40"',
    ],
    ['half a byte', 'blob', '0x0FF', 'InvalidValue'],
    ['bytes that are no geometry', 'point', '0x0101', 'InvalidValue'],
    ['TIME beyond 24 hours', 'time', "'-800:01:02.50'", '"-800:01:02.50"'],
    ['an ENUM with a quote', 'enum', "'b\\'c'", `"b'c"`],
    ['a SET', 'set', "'x,y'", '"x,y"'],
    ['JSON', 'json', `'{\\"a\\": [1, null]}'`, '{"a": [1, null]}'],
    ['JSON that PostgreSQL does not take', 'json', `'\\"\\\\u0000\\"'`, '"\\"\\\\u0000\\""'],
    ['DATETIME as text, in its own zone', 'datetime', "'2025-06-01 12:00:00.5'", '"2025-06-01 12:00:00.5"'],
    ['TIMESTAMP as text, in UTC', 'timestamp', "'2025-06-01 12:00:00'", '"2025-06-01 12:00:00Z"'],
    ['a zero date', 'datetime', "'0000-00-00 00:00:00'", 'null'],
    ['a partial date', 'date', "'2025-00-00'", '"2025-00-00"'],
  ])('%s', (_name, dataType, literal, expected) => {
    expect(attribute(dataType, literal)).toBe(expected);
  });

  test('an id that does not fit a bigint goes to quarantine, and the largest that fits does not', () => {
    const rows = [{ id: '9223372036854775808' }, { id: '18446744073709551615' }, { id: '9223372036854775807' }];
    const { fresh, quarantined } = convert(dumpText(rows), optionsFor());
    expect(fresh.map(({ legacyId }) => legacyId)).toEqual([9223372036854775807n]);
    expect(quarantined.map(({ reason, legacyId, column }) => [reason, legacyId, column])).toEqual([
      ['InvalidId', '9223372036854775808', 'id'],
      ['InvalidId', '18446744073709551615', 'id'],
    ]);
  });

  test.each(['9007199254740991', '9007199254740993', '4294967296', '4294967295', '2147483648'])('id %s', (id) => {
    expect(convert(dumpText([{ id }]), optionsFor()).fresh[0]!.legacyId).toBe(BigInt(id));
  });
});

describe('coordinates', () => {
  test.each([
    ['negative ones', '-33.8688197', '-70.123456789012345', undefined],
    ['the edges', '90', '-180', undefined],
    ['an exponent', '1e-7', '-1.5e1', undefined],
    ['NULL', 'NULL', '1', 'MissingCoordinate'],
    ['out of range by little', '1', '-180.0000001', 'CoordinateOutOfRange'],
    ['999', '999', '999', 'CoordinateOutOfRange'],
    ['no number', "'n/a'", '1', 'InvalidCoordinate'],
  ])('%s', (_name, lat, lon, reason) => {
    const { fresh, quarantined } = base({ lat, lon });
    expect(quarantined[0]?.reason).toBe(reason);
    if (reason === undefined) expect([fresh[0]!.latitude, fresh[0]!.longitude]).toEqual([Number(lat), Number(lon)]);
  });

  test('(0, 0) is flagged, or quarantined', () => {
    expect(base({ lat: '0', lon: '-0.0' }).fresh[0]!.flags).toBe(FLAGS.NULL_ISLAND);
    expect(base({ lat: '0', lon: '0' }, { nullIsland: 'quarantine' }).quarantined[0]!.reason).toBe('NullIsland');
  });

  test('every double survives, to its last bit', () => {
    for (const value of [0.1, 1 / 3, 5e-324, 89.99999999999999, 62.033900000000003, -1.7976931348623157e-300]) {
      expect(base({ lat: String(value) }).fresh[0]!.latitude).toBe(value);
    }
  });
});

describe('times', () => {
  test('microseconds, and years on both sides of what a double holds', () => {
    const { fresh } = timesIn('UTC', [
      '2025-06-01 12:00:00.123456',
      '1000-01-01 00:00:00',
      '9999-12-31 23:59:59.999999',
    ]);
    expect(fresh.map(({ timeMicros }) => timeMicros)).toEqual([
      BigInt(Date.UTC(2025, 5, 1, 12)) * 1000n + 123456n,
      BigInt(Date.parse('1000-01-01T00:00:00Z')) * 1000n,
      BigInt(Date.UTC(9999, 11, 31, 23, 59, 59)) * 1000n + 999999n,
    ]);
  });

  test.each([
    ["'0000-00-00 00:00:00'", 'ZeroDate'],
    ["'2025-00-10 00:00:00'", 'ZeroDate'],
    ["'2025-02-30 00:00:00'", 'InvalidTime'],
    ["'0999-01-01 00:00:00'", 'InvalidTime'],
    ["'2025-01-01 24:00:00'", 'InvalidTime'],
    ["'yesterday'", 'InvalidTime'],
    ['NULL', 'MissingTime'],
  ] as const)('%s is never the epoch: %s', (t, reason) => {
    const { quarantined, fresh } = base({ t });
    expect(fresh).toEqual([]);
    expect(quarantined).toMatchObject([{ reason, column: 't' }]);
  });

  test('a time of receipt may be missing, zero or partial: NULL', () => {
    const extra: [string, string][] = [['r', 'timestamp']];
    const literals = ["'0000-00-00 00:00:00'", "'2025-00-00'", 'NULL', "'2025-06-01 12:00:01'"];
    const options = optionsFor(extra, {}, { timeZone: 'Asia/Yakutsk' });
    options.columns = { ...options.columns, receivedAt: 'r', attributes: {} };
    const { fresh } = convert(
      dumpText(
        literals.map((r) => ({ r })),
        { extra },
      ),
      options,
    );
    expect(fresh.map(({ receivedMicros }) => receivedMicros)).toEqual([
      null,
      null,
      null,
      BigInt(Date.UTC(2025, 5, 1, 12, 0, 1)) * 1000n,
    ]);
  });

  test('a DATETIME is a time of the server’s zone, a TIMESTAMP is UTC', () => {
    expect(iso(timesIn('Asia/Yakutsk', ['2025-06-01 12:00:00']).fresh[0]!.timeMicros)).toBe('2025-06-01T03:00:00.000Z');
    const options = optionsFor([], {}, { timeZone: 'Asia/Yakutsk' });
    options.tableColumns = options.tableColumns.map((column) =>
      column.name === 't' ? { ...column, dataType: 'timestamp' } : column,
    );
    expect(iso(convert(dumpText([{}]), options).fresh[0]!.timeMicros)).toBe('2025-06-01T12:00:00.000Z');
  });

  test('the hour that the clocks skip is read with the offset before it, or quarantined', () => {
    const times = ['2025-03-09 01:59:59', '2025-03-09 02:30:00', '2025-03-09 03:00:00'];
    const { fresh } = timesIn('America/Chicago', times);
    expect(fresh.map(({ timeMicros, flags }) => [iso(timeMicros), flags])).toEqual([
      ['2025-03-09T07:59:59.000Z', 0],
      ['2025-03-09T08:30:00.000Z', FLAGS.DST_SHIFTED],
      ['2025-03-09T08:00:00.000Z', 0],
    ]);
    const strict = timesIn('America/Chicago', times, { dstGap: 'quarantine' });
    expect(strict.quarantined).toMatchObject([{ reason: 'TimeInDstGap', column: 't', legacyId: '2' }]);
  });

  test('the hour that comes twice is told apart by the order of ids', () => {
    const times = ['00:59', '01:00', '01:30', '01:59', '01:00', '01:30', '01:59', '02:00'];
    const { fresh } = timesIn(
      'America/Chicago',
      times.map((time) => `2025-11-02 ${time}:00`),
    );
    expect(fresh.map(({ timeMicros }) => iso(timeMicros).slice(11, 16))).toEqual([
      '05:59',
      '06:00',
      '06:30',
      '06:59',
      '07:00',
      '07:30',
      '07:59',
      '08:00',
    ]);
    expect(fresh.map(({ flags }) => flags)).toEqual([0, ...Array(6).fill(FLAGS.DST_BY_ORDER), 0]);
  });

  test('a position sent late does not push the rest of the hour into the second one', () => {
    const times = ['01:40', '01:45', '01:30', '01:46', '01:47'];
    const { fresh } = timesIn(
      'America/Chicago',
      times.map((time) => `2025-11-02 ${time}:00`),
    );
    expect(fresh.map(({ timeMicros }) => iso(timeMicros).slice(11, 16))).toEqual([
      '06:40',
      '06:45',
      '06:30',
      '06:46',
      '06:47',
    ]);
  });

  test('with nothing to tell by, the hour that comes twice is the first, and says so', () => {
    const { fresh } = timesIn('America/Chicago', ['2025-11-02 01:30:00']);
    expect([iso(fresh[0]!.timeMicros), fresh[0]!.flags]).toEqual(['2025-11-02T06:30:00.000Z', FLAGS.DST_AMBIGUOUS]);
  });

  test('a future time is flagged, or quarantined', () => {
    expect(base({ t: "'2026-01-02 00:00:01'" }).fresh[0]!.flags).toBe(FLAGS.FUTURE_TIME);
    expect(base({ t: "'2026-01-02 00:00:00'" }).fresh[0]!.flags).toBe(0);
    expect(base({ t: "'2038-01-19 03:14:08'" }, { futureTime: 'quarantine' }).quarantined[0]!.reason).toBe(
      'FutureTime',
    );
  });

  test('a clock that was never set is flagged', () => {
    expect(base({ t: "'1970-01-01 00:00:00'" }).fresh[0]!.flags).toBe(FLAGS.BEFORE_GPS);
  });
});

describe('rows', () => {
  test('the overlap is told from what is new', () => {
    const { fresh, overlap } = convert(dumpText([{}, {}, {}]), optionsFor([], {}, { watermark: 2n }));
    expect([overlap.length, fresh.length]).toEqual([2, 1]);
  });

  test.each([
    ['an id below the range', { id: '4' }],
    ['an id above the range', { id: '11' }],
    ['a negative id', { id: '-1' }],
    ['another vehicle', { id: '7', vehicle_id: '8' }],
    ['no vehicle', { id: '7', vehicle_id: 'NULL' }],
  ])('%s makes the dump corrupt', (_name, row) => {
    const options = optionsFor([], {}, { fromId: 5n, watermark: 6n, toId: 10n });
    expect(() => convert(dumpText([row]), options)).toThrow(expect.objectContaining({ code: 'DumpCorrupt' }));
  });

  test('a vehicle is the same as MySQL’s = sees it', () => {
    for (const vehicle_id of ["'BUS-7'", "'bus-7 '", "_binary 'bus-7'"]) {
      const options = optionsFor([], {}, { legacyVehicleId: 'bus-7' });
      expect(convert(dumpText([{ vehicle_id }]), options).fresh).toHaveLength(1);
    }
    expect(convert(dumpText([{ vehicle_id: '0007' }]), optionsFor()).fresh).toHaveLength(1);
  });

  test('a row of 16 MB passes', () => {
    const text = 'x'.repeat(16 * 1024 * 1024);
    const dump = dumpText([{}, { a: `'${text}'` }, {}], { extra: [['a', 'longtext']] });
    const { fresh } = convert(dump, optionsFor([['a', 'longtext']]), [100_000, 5_000_000, 12_345_678]);
    expect(fresh.map(({ attributes }) => attributes!.length)).toEqual([10, text.length + 8, 10]);
  });

  test('a row above the limit goes to quarantine with its head, wherever the stream is cut', () => {
    const dump = dumpText([{}, { a: `'${'y'.repeat(3_000_000)}'` }, {}], { extra: [['a', 'longtext']] });
    const options = optionsFor([['a', 'longtext']], { maxRowBytes: 1_500_000 });
    const whole = convert(dump, options);
    expect(whole.fresh.map(({ legacyId }) => legacyId)).toEqual([1n, 3n]);
    expect(whole.quarantined[0]!.raw).toHaveLength(1024 * 1024);
    expect(whole.quarantined[0]!.raw.toString('latin1', 0, 40)).toMatch(/^\(2,7,'2025-06-01 12:00:00',62.0339,129/);
    for (let size = 50_000; size < 4_000_000; size *= 2) {
      const cuts = Array.from({ length: Math.floor(dump.length / size) }, (_, index) => (index + 1) * size);
      const { quarantined, ...rest } = convert(dump, options, cuts);
      // Jest compares buffers byte by byte, which takes minutes here.
      expect(quarantined.map(({ raw }) => raw.equals(whole.quarantined[0]!.raw))).toEqual([true]);
      expect(quarantined.map(({ legacyId, reason }) => [legacyId, reason])).toEqual([['2', 'RowTooLarge']]);
      expect({ ...rest, quarantined: [] }).toEqual({ ...whole, quarantined: [] });
    }
  });

  test('what a range has seen is counted alike for rows that pass, are refused or are too large', () => {
    const dump = dumpText([{ a: `'${'y'.repeat(3_000_000)}'` }, { lat: '400' }, {}, { lat: '400' }, {}], {
      extra: [['a', 'longtext']],
    });
    const options = optionsFor([['a', 'longtext']], { maxRowBytes: 1_500_000 }, { seenFromId: 3n });
    const { quarantined, summary } = convert(dump, options);
    expect(quarantined.map(({ legacyId }) => legacyId)).toEqual(['1', '2', '4']);
    expect(summary).toMatchObject({ rows: 5, seen: { rows: 2, idSum: [4, 5].reduce(addId, 0) } });
    // Of an unreadable id nobody knows on which side of the bound it lies.
    const unreadable = convert(dumpText([{ id: "'x'" }, { id: '2' }]), optionsFor([], {}, { seenFromId: 1n }));
    expect(unreadable.summary).toMatchObject({ quarantined: 1, seen: { rows: 2, idSum: null } });
  });
});
