import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { openRedis } from '../../src/connections/redis.ts';
import { eventually } from '../support/eventually.ts';
import { sharedStack } from '../support/stack.ts';

const rejectionWithin = async (ms: number, command: Promise<unknown>): Promise<string> => {
  const begun = Date.now();
  const error: unknown = await command.then(
    () => 'an answer',
    (thrown: unknown) => thrown,
  );
  expect(Date.now() - begun).toBeLessThan(ms);
  return String(error);
};

test('a Redis that is not there is said, and no command waits for it', async () => {
  const errors: Error[] = [];
  const redis = openRedis('redis://127.0.0.1:1', { onError: (error) => errors.push(error) });
  expect(await rejectionWithin(1_000, redis.set('a', '1'))).toMatch(/Error/);
  await eventually(() => expect(errors.length).toBeGreaterThan(0));
  redis.disconnect();
});

test('a Redis that hangs is given up after half a second', async () => {
  const redis = openRedis(sharedStack().redis.url);
  await eventually(() => expect(redis.status).toBe('ready'));
  // Blocks on the server for five seconds: what a hung server looks like to its client.
  expect(await rejectionWithin(1_500, redis.blpop('fleetgraph:test:nothing-here', 5))).toContain('timed out');
  redis.disconnect();
});

test('a port that accepts and says nothing stops nobody', async () => {
  // A fake of a server that hangs while it starts.
  const silent = createServer().listen(0, '127.0.0.1');
  await eventually(() => expect(silent.listening).toBe(true));
  const redis = openRedis(`redis://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  expect(await rejectionWithin(1_500, redis.set('a', '1'))).toMatch(/Error/);
  redis.disconnect();
  silent.close();
});
