import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type CopyBuffer,
  createCopyBuffer,
  putBytes,
  reserve,
  takeBytes,
} from '../../../../src/activities/legacy-sync/dump/copy-buffer.ts';

const MEBIBYTE = 1024 * 1024;

function put(out: CopyBuffer, row: Uint8Array): void {
  reserve(out, row.length);
  putBytes(out, row, 0, row.length);
}

test('what is taken out is what was put in, wherever it is taken', () => {
  const steps = fc.array(fc.oneof(fc.uint8Array({ maxLength: 70_000, size: 'max' }), fc.constant('take' as const)));
  fc.assert(
    fc.property(steps, (doing) => {
      const out = createCopyBuffer();
      const taken: Buffer[] = [];
      const given: Uint8Array[] = [];
      for (const step of doing) {
        if (step === 'take') taken.push(takeBytes(out));
        else {
          put(out, step);
          given.push(step);
        }
      }
      taken.push(takeBytes(out));
      expect(Buffer.concat(taken).equals(Buffer.concat(given))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

/** Fills a piece row by row; how often its storage was moved to a larger one. */
function fill(out: CopyBuffer, size: number): number {
  const row = Buffer.alloc(1_000, 7);
  let moves = 0;
  for (let written = 0; written < size; written += row.length) {
    const before = out.bytes;
    put(out, row);
    if (before.length > 0 && out.bytes !== before) moves++;
  }
  takeBytes(out);
  return moves;
}

test('a piece a little larger than the largest so far needs no second storage', () => {
  const out = createCopyBuffer();
  expect(fill(out, 600_000)).toBeGreaterThan(0);
  for (const size of [620_000, 300_000, 610_000, 600_000]) expect(fill(out, size)).toBe(0);
});

test('neither a huge row nor a large piece makes every later piece as large', () => {
  const out = createCopyBuffer();
  fill(out, 17 * MEBIBYTE);
  fill(out, 100_000);
  put(out, Buffer.alloc(1));
  expect(out.bytes).toHaveLength(MEBIBYTE);
  takeBytes(out);
  put(out, Buffer.alloc(1));
  expect(out.bytes.length).toBeLessThan(MEBIBYTE / 16);
});
