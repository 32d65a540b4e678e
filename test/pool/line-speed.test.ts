import { expect, test } from '@jest/globals';
import pino from 'pino';
import { createLineMeter } from '../../src/pool/line-speed.ts';
import { readLineSpeeds } from '../../src/records/line-speeds.ts';
import { silentLogger } from '../connections/ssh/ssh-fixture.ts';
import { addServer, fleetDatabase } from '../support/fleet-fixture.ts';

const pool = fleetDatabase();
const MEGABYTES = 1_000_000;

test('workers measure one line together: a new measurement moves it by a part, and another server has its own', async () => {
  await addServer(pool(), 'depot-1');
  await addServer(pool(), 'depot-2', { first: 11 });
  const [here, there] = [
    createLineMeter(pool(), 'depot-1', silentLogger),
    createLineMeter(pool(), 'depot-1', silentLogger),
  ];
  expect(await here.known()).toBeNull();
  await here.heard(20 * MEGABYTES, 2);
  expect(await here.known()).toBe(10 * MEGABYTES);
  await there.heard(40 * MEGABYTES, 2);
  expect(await there.known()).toBeCloseTo(13 * MEGABYTES);
  expect([...(await readLineSpeeds(pool(), null)).keys()]).toEqual(['depot-1']);
});

test('a few bytes say nothing of a line, and a server that was removed has none', async () => {
  await addServer(pool(), 'depot-1');
  const meter = createLineMeter(pool(), 'depot-1', silentLogger);
  await meter.heard(500_000, 0.001);
  expect(await meter.known()).toBeNull();
  await createLineMeter(pool(), 'gone', silentLogger).heard(20 * MEGABYTES, 2);
  expect((await readLineSpeeds(pool(), null)).size).toBe(0);
});

test('what was measured more than a day ago is not known any more, and the next measurement is', async () => {
  await addServer(pool(), 'depot-1');
  const meter = createLineMeter(pool(), 'depot-1', silentLogger);
  await meter.heard(2 * MEGABYTES, 2);
  await pool().query(`UPDATE line_speeds SET measured_at = now() - interval '25 hours'`);
  expect(await meter.known()).toBeNull();
  await meter.heard(20 * MEGABYTES, 2);
  expect(await meter.known()).toBeGreaterThan(MEGABYTES);
});

test('what cannot be read or written is logged and fails nothing', async () => {
  const lines: string[] = [];
  const broken = { query: () => Promise.reject(new Error('no connection')) } as unknown as ReturnType<typeof pool>;
  const meter = createLineMeter(broken, 'depot-1', pino({}, { write: (line) => void lines.push(line) }));
  expect(await meter.known()).toBeNull();
  await meter.heard(20 * MEGABYTES, 2);
  expect(lines.join('')).toMatch(/Reading the speed of the line failed[^]*Recording the speed of the line failed/);
});
