import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { defaultSettings } from '../../src/settings/legacy-sync.ts';
import {
  PROCESS_BYTES,
  type SlotBuffers,
  type SlotLimits,
  heldBytes,
  slotBuffers,
  slotMemory,
} from '../../src/settings/slot-buffers.ts';

const MB = 1024 * 1024;
/** Below, nobody can work. */
const LEAST: SlotBuffers = {
  pieceBytes: 16_384,
  zstdWindowLog: 23,
  copyBytes: 65_536,
  waitingBytes: 65_536,
  sampleBytes: 65_536,
  hashBytes: 65_536,
  sftpReads: 1,
  atOnceBytes: 65_536,
  comparedRows: 1_000,
  redriveBytes: 65_536,
};
const names = Object.keys(LEAST) as (keyof SlotBuffers)[];

const limits = fc.record({
  maxMemoryMb: fc.integer({ min: 1, max: 1_000_000 }),
  maxWorkers: fc.integer({ min: 1, max: 1_000 }),
  poolEnabled: fc.boolean(),
  streamMaxBytes: fc.integer({ min: 0, max: 2 ** 31 }),
});

const sized = (change: Partial<SlotLimits>): SlotBuffers => slotBuffers({ ...defaultSettings(), ...change });

test('all slots together hold no more than the limit leaves them, wherever a slot has room for the least of each', () => {
  const least = heldBytes(LEAST);
  fc.assert(
    fc.property(limits, (given) => {
      const memory = slotMemory(given);
      const held = heldBytes(slotBuffers(given));
      if (memory < least) return expect(held).toBeLessThanOrEqual(least);
      const slots = given.poolEnabled ? given.maxWorkers : 1;
      expect(PROCESS_BYTES + slots * held).toBeLessThanOrEqual(given.maxMemoryMb * MB);
    }),
    { numRuns: 5_000 },
  );
});

test('no buffer is smaller for a higher limit or for fewer slots, and none is below what can be worked with', () => {
  fc.assert(
    fc.property(limits, fc.nat(1_000_000), fc.nat(999), (given, more, fewer) => {
      const before = slotBuffers(given);
      const higher = slotBuffers({ ...given, maxMemoryMb: given.maxMemoryMb + more });
      const roomier = slotBuffers({ ...given, maxWorkers: Math.max(1, given.maxWorkers - fewer) });
      for (const name of names) {
        expect(higher[name]).toBeGreaterThanOrEqual(before[name]);
        expect(roomier[name]).toBeGreaterThanOrEqual(before[name]);
        const least = name === 'atOnceBytes' ? Math.min(given.streamMaxBytes, LEAST[name]) : LEAST[name];
        expect(before[name]).toBeGreaterThanOrEqual(least);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('with the limits that hold where nobody has set any, nothing is smaller than it gets faster with', () => {
  expect(sized({})).toMatchObject({
    pieceBytes: 256 * 1024,
    copyBytes: MB,
    waitingBytes: 2 * MB,
    hashBytes: MB,
    sftpReads: 16,
    atOnceBytes: defaultSettings().streamMaxBytes,
  });
  expect(sized({ maxMemoryMb: 1 })).toEqual(LEAST);
});
