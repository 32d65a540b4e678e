import { expect, test } from '@jest/globals';
import { createWorkPace } from '../../src/workers/work-pace.ts';

const CORES = 2;
const PIECE = 64 * 1024;
const NEVER = new AbortController().signal;
const ROOM = { maxMemoryMb: 1_000_000, maxCpuPercent: 100 };

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Takes some milliseconds of a core, as the conversion of a piece does. On a busy machine they take longer. */
function work(ms: number): void {
  for (const end = cpuSeconds() + ms / 1_000; cpuSeconds() < end; );
}

/** Works in pieces on several slots; how much of the cores the process took, in percent. */
async function shareOf(pace: ReturnType<typeof createWorkPace>, ms: number, slots = 3): Promise<number> {
  const [begun, used] = [performance.now(), cpuSeconds()];
  const slot = async (): Promise<void> => {
    while (performance.now() - begun < ms) {
      work(5);
      await pace(NEVER, PIECE);
    }
  };
  await Promise.all(Array.from({ length: slots }, slot));
  return (100 * (cpuSeconds() - used)) / (((performance.now() - begun) / 1_000) * CORES);
}

test('work takes no more than five points above its share of the cores, however many slots there are', async () => {
  const share = await shareOf(
    createWorkPace(() => ({ ...ROOM, maxCpuPercent: 20 }), CORES),
    5_000,
  );
  expect(share).toBeLessThanOrEqual(25);
  // It is slowed down, not stopped. On a busy machine it may get less than its share.
  expect(share).toBeGreaterThan(3);
}, 30_000);

/** A pace that has to wait ends with this signal's reason. */
const WAITS = AbortSignal.abort(new Error('it would wait'));

test('without a limit nothing waits, and what was taken meanwhile is not owed when there is one', async () => {
  const limits = { ...ROOM };
  const pace = createWorkPace(() => limits, CORES);
  for (let piece = 0; piece < 50; piece++) {
    work(5);
    await pace(WAITS, PIECE);
  }
  limits.maxCpuPercent = 90;
  await pace(WAITS, PIECE);
  limits.maxCpuPercent = 10;
  work(200);
  await expect(pace(WAITS, PIECE)).rejects.toThrow('it would wait');
});

test('work that is not paced leaves no debt behind that would hold up pieces one after another', async () => {
  const pace = createWorkPace(() => ({ ...ROOM, maxCpuPercent: 10 }), CORES);
  // Fifteen seconds of this share.
  work(3_000);
  let waits = 0;
  for (; waits < 15; waits++) {
    const goesOn = await pace(WAITS, PIECE).then(
      () => true,
      () => false,
    );
    if (goesOn) break;
    await pace(NEVER, PIECE);
  }
  // Each wait is a second at most.
  expect(waits).toBeGreaterThan(0);
  expect(waits).toBeLessThan(8);
});

test('a process above its memory pauses, and goes on', async () => {
  const limits = { ...ROOM, maxMemoryMb: 1 };
  const pace = createWorkPace(() => limits, CORES);
  await expect(pace(WAITS, PIECE)).rejects.toThrow('it would wait');
  await pace(NEVER, PIECE);
  limits.maxMemoryMb = 1_000_000;
  await pace(WAITS, PIECE);
});
