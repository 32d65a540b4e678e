import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { attributeEncoder } from '../../../../src/activities/legacy-sync/dump/attribute-value.ts';
import { createCopyBuffer } from '../../../../src/activities/legacy-sync/dump/copy-buffer.ts';
import { VALUE } from '../../../../src/activities/legacy-sync/dump/row-scanner.ts';

const POLICY = { stripNul: false, replaceInvalid: false, mendDoubleEncoding: false };
const BEFORE = 'what stands before it';

/** The value as it looks in `attributes`; it stands somewhere within the dump, and is written behind something else. */
function encode(dataType: string, text: string, kind: number): string {
  const out = createCopyBuffer();
  const source = Buffer.from(`(1,'${text}',NULL)`);
  const start = 4;
  const value = { source, start, end: start + Buffer.byteLength(text), kind };
  attributeEncoder('varchar')(
    out,
    { source: Buffer.from(BEFORE), start: 0, end: BEFORE.length, kind: VALUE.TEXT },
    POLICY,
  );
  const from = out.length;
  expect(attributeEncoder(dataType)(out, value, POLICY)).toBe(0);
  return out.bytes.toString('utf8', from, out.length);
}

const digits = (length: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
    minLength: length,
    maxLength: length,
  });
/** Real dates, and what MySQL stores beside them: zero, partly zero and nearly zero ones, with a clock, a fraction, or alone. */
const date = fc.oneof(
  fc.tuple(digits(4), digits(2), digits(2)).map((parts) => parts.join('-')),
  fc.constantFrom('0000-00-00', '0000-00-01', '0000-01-00', '2025-00-00', '1000-00-00', '0000-00-0'),
);
const clock = fc.oneof(fc.constant(''), fc.constant(' 00:00:00'), fc.constant(' 23:59:59.999999'), digits(3));

/** The plain way: a zero date is null, everything else is its own text. */
const expected = (text: string, suffix = ''): string =>
  text.startsWith('0000-00-00') ? 'null' : JSON.stringify(text + suffix);

test.each(['date', 'datetime'])('a %s is its text, and null when it is the zero date', (dataType) => {
  fc.assert(
    fc.property(date, clock, (day, time) => {
      expect(encode(dataType, day + time, VALUE.TEXT)).toBe(expected(day + time));
    }),
  );
});

test('a TIMESTAMP says that it is UTC', () => {
  fc.assert(
    fc.property(date, clock, (day, time) => {
      expect(encode('timestamp', day + time, VALUE.TEXT)).toBe(expected(day + time, 'Z'));
    }),
  );
});

test('a number is its digits, without what JSON does not know', () => {
  const sign = fc.constantFrom('', '-', '+');
  const whole = fc.integer({ min: 1, max: 30 }).chain(digits);
  const fraction = fc.oneof(
    fc.constant(''),
    whole.map((text) => `.${text}`),
  );
  const exponent = fc.constantFrom('', 'e5', 'E-300', 'e+12');
  fc.assert(
    fc.property(sign, whole, fraction, exponent, (...parts) => {
      const plain = parts.join('').replace(/^(-?)\+?0*(?=[0-9])/, '$1');
      expect(encode('decimal', parts.join(''), VALUE.BARE)).toBe(plain);
    }),
  );
});
