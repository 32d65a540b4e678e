import { asyncLocalStorage, type Context } from '@temporalio/activity';
import type { ActivityExecuteInput } from '@temporalio/worker';
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createSlotLogInterceptor } from '../../../src/activities/legacy-sync/slot-log.ts';

const KEY = { runId: 'run-a', vehicleId: '17', slot: 2 };

/** What is logged of an attempt at this activity. */
async function logged(
  activityType: string,
  argument: unknown,
  { fails = false, cancelled = false } = {},
): Promise<unknown[]> {
  const lines: unknown[] = [];
  const logger = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line)) });
  const stopping = new AbortController();
  const context = { info: { activityType, attempt: 3 }, cancellationSignal: stopping.signal } as unknown as Context;
  const input: ActivityExecuteInput = { args: [argument], headers: {} };
  const run = asyncLocalStorage.run(context, () =>
    createSlotLogInterceptor(logger).execute!(input, async ({ args }) => {
      if (cancelled) stopping.abort();
      if (fails || cancelled) throw new Error('of the work');
      return args[0];
    }),
  );
  if (fails || cancelled) await expect(run).rejects.toThrow('of the work');
  else expect(await run).toBe(argument);
  return lines;
}

const line = (stage: string, outcome: string) => ({
  level: 30,
  run: 'run-a',
  vehicle: '17',
  slot: 2,
  stage,
  attempt: 3,
  ms: expect.any(Number),
  msg: `slot 2: ${stage} ${outcome}`,
});

test('an attempt of a slot’s work is a line with run, vehicle, slot, stage and attempt, however it ends', async () => {
  expect(await logged('exportRange', KEY)).toEqual([line('export', 'done')]);
  expect(await logged('loadRange', { key: KEY, manifest: {} }, { fails: true })).toEqual([line('load', 'failed')]);
  expect(await logged('loadSlice', { key: KEY }, { cancelled: true })).toEqual([line('load', 'was cancelled')]);
});

test('what is no slot’s work has no such line', async () => {
  expect(await logged('claimNext', { runId: 'run-a', slot: 2 })).toEqual([]);
  expect(await logged('exportRange', undefined)).toEqual([]);
});
