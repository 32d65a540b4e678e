import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { repeat } from '../../src/workers/repeat.ts';
import { eventually } from '../support/eventually.ts';

const logger = pino({ level: 'silent' });

test('a round that fails is tried again no later than one that did not, and closing waits for the round under way', async () => {
  let rounds = 0;
  let under = false;
  const loop = repeat({
    what: 'a test',
    waitMs: async () => 5,
    work: async (signal) => {
      rounds += 1;
      if (rounds < 4) throw new Error('in a test');
      under = true;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      under = false;
    },
    logger,
  });
  await eventually(() => expect(under).toBe(true), { withinMs: 5_000, everyMs: 10 });
  await loop.close();
  expect([rounds, under]).toEqual([4, false]);
});
