import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { floatOf, RowBytes } from '../../../../src/activities/legacy-sync/reconciliation/quick-bytes.ts';
import { NO_NUMBER } from '../../../../src/activities/legacy-sync/reconciliation/quick-row.ts';
import { crcBothWays, QuickSum } from '../../../../src/activities/legacy-sync/reconciliation/quick-sums.ts';

const bytes = (at: number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, place) => (at * 7919 + place * 104_729) % 251));

test('the CRCs of bytes and of their reverse are those of zlib', () => {
  const found = { forth: 0, back: 0 };
  for (let length = 0; length < 80; length += 1) {
    const some = bytes(length, length);
    crcBothWays(some, length, found);
    expect(found).toEqual({ forth: crc32(some), back: crc32(Buffer.from(some).reverse()) });
  }
});

test('sums of products are exact, however many rows there are', () => {
  const sum = new QuickSum();
  let wanted = 0n;
  for (let at = 0; at < 3_000; at += 1) {
    const crcs = { forth: 0xffff_ffff - at, back: 0xffff_0fff - 7 * at };
    sum.add(crcs);
    wanted += BigInt(crcs.forth) * BigInt(crcs.back);
  }
  expect(sum.value).toBe(wanted);
});

/** The sum of rows of a few fields, as it is made of what PostgreSQL hands over. */
function sumOf(rows: readonly { numbers: number[]; texts: (string | null)[] }[]): bigint {
  const sum = new QuickSum();
  for (const { numbers, texts } of rows) {
    const row = new RowBytes(numbers.length);
    for (const [at, value] of numbers.entries()) row.setNumber(at, value);
    for (const [at, text] of texts.entries())
      row.addText(text === null ? null : Buffer.from(text), 0, Buffer.byteLength(text ?? ''), at === 0);
    const crcs = { forth: 0, back: 0 };
    crcBothWays(row.bytes, row.length, crcs);
    sum.add(crcs);
  }
  return sum.value;
}

test('no exchange of fields within a row or between rows leaves the sum as it was', () => {
  // Pairs of neighbours whose differences are the same and opposite: what a plain sum, and a sum of CRCs, do not tell apart.
  const rows = Array.from({ length: 16 }, (_, at) => ({
    numbers: [at, 1_735_689_600_000_000 + at * 15_000_000, 62.5 + (at % 2), 129.25 + (at % 2), at % 2, 1 - (at % 2)],
    texts: [`R${at % 2}`, null, `trip ${at % 4 < 2 ? 1 : 2}`],
  }));
  const whole = sumOf(rows);
  expect(sumOf([...rows].reverse())).toBe(whole);
  const seen = new Set([whole]);
  for (let one = 0; one < rows.length; one += 1) {
    for (let other = one + 1; other < rows.length; other += 1) {
      for (const field of [2, 4, 5]) {
        if (rows[one]!.numbers[field] === rows[other]!.numbers[field]) continue;
        const changed = rows.map(({ numbers, texts }) => ({ numbers: [...numbers], texts }));
        [changed[one]!.numbers[field], changed[other]!.numbers[field]] = [
          rows[other]!.numbers[field]!,
          rows[one]!.numbers[field]!,
        ];
        expect(sumOf(changed)).not.toBe(whole);
      }
      if (rows[one]!.texts.join() === rows[other]!.texts.join()) continue;
      const changed = rows.map((row) => ({ ...row }));
      [changed[one]!.texts, changed[other]!.texts] = [rows[other]!.texts, rows[one]!.texts];
      expect(sumOf(changed)).not.toBe(whole);
    }
    const { numbers, texts } = rows[one]!;
    const within = rows.with(one, { numbers: [...numbers.slice(0, 4), numbers[5]!, numbers[4]!], texts });
    const shifted = rows.with(one, { numbers, texts: [texts[1]!, texts[0]!, texts[2]!] });
    const ulp = rows.with(one, { numbers: numbers.with(3, numbers[3]! + 2.842170943040401e-14), texts });
    for (const changed of [within, shifted, ulp]) seen.add(sumOf(changed));
  }
  expect(seen.size).toBe(1 + 3 * rows.length);
});

test('a double that is a decimal of six digits is one FLOAT; another is none, and neither is one with a digit more or less in its last place', () => {
  for (const text of ['0', '20.3', '-97.743', '359', '0.0001', '123456', '12345.6', '0.000012', '99999.9'])
    expect(floatOf(Number(text))).toBe(Math.fround(Number(text)));
  for (const value of [20.300000000000004, 20.299999999999997, Math.fround(20.3), 1234567, 0.1234567, 1 / 3])
    expect(floatOf(value)).toBe(2 * NO_NUMBER);
});

test('the numbers of a row, and texts of any length after them, are laid out as MySQL does', () => {
  const row = new RowBytes(3);
  const texts = ['', 'ß🚌', null, 'x'.repeat(5_000), ''];
  // Twice, as for two rows.
  for (const numbers of [
    [4, 5, 6],
    [1, -2.5, 1e300],
  ]) {
    row.clearTexts();
    for (const [at, text] of texts.entries()) {
      const all = Buffer.from(`##${text ?? ''}##`);
      row.addText(text === null ? null : all, 2, all.length - 2, at === 0);
    }
    for (const [at, value] of numbers.entries()) row.setNumber(at, value);
  }
  // SELECT HEX(CONCAT(POINT(1, -2.5), POINT(1e300, 0e0)))
  const points = '000000000101000000000000000000F03F00000000000004C00000000001010000009C7500883CE4377E0000000000000000';
  const wanted = Buffer.concat([
    Buffer.from(points, 'hex'),
    Buffer.from(texts.map((text) => text ?? '~').join('\u001f')),
  ]);
  expect(Buffer.from(row.bytes.subarray(0, row.length))).toEqual(wanted);
});
