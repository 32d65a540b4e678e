import { expect, test } from '@jest/globals';
import { createPermitQueue } from '../../src/pool/permit-queue.ts';

const A_MINUTE = 60_000;

test('an abort while PostgreSQL is asked ends the wait at once, not at the next poll', async () => {
  const abort = new AbortController();
  const waiting = createPermitQueue(A_MINUTE).wait(async () => {
    abort.abort(new Error('stop'));
    return false;
  }, abort.signal);
  await expect(waiting).rejects.toThrow('stop');
}, 2_000);

test('an abort while the place is taken is an abort: the caller must give the place back', async () => {
  const abort = new AbortController();
  const waiting = createPermitQueue(A_MINUTE).wait(async () => {
    abort.abort(new Error('stop'));
    return true;
  }, abort.signal);
  await expect(waiting).rejects.toThrow('stop');
}, 2_000);

test('a place that is given back while PostgreSQL is asked is looked for at once', async () => {
  const queue = createPermitQueue(A_MINUTE);
  let tries = 0;
  await queue.wait(async () => {
    tries += 1;
    if (tries === 1) queue.wake();
    return tries === 2;
  });
  expect(tries).toBe(2);
}, 2_000);

test('first come, first served, also past a waiter that failed', async () => {
  const queue = createPermitQueue(5);
  const order: string[] = [];
  let free = false;
  const wait = (name: string) => queue.wait(async () => free).then(() => void order.push(name));
  const failing = queue
    .wait(() => Promise.reject(new Error('PostgreSQL is away')))
    .catch(() => void order.push('failed'));
  const all = [failing, wait('a'), wait('b'), wait('c')];
  free = true;
  await Promise.all(all);
  expect(order).toEqual(['failed', 'a', 'b', 'c']);
}, 2_000);
