import { slotBuffers } from '../../src/settings/slot-buffers.ts';
import { defaultSettings } from '../../src/settings/legacy-sync.ts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { transferFile } from '../../src/activities/legacy-sync/transfer/transfer.ts';
import { type HostRates, type RateKind, createHostRates } from '../../src/pool/host-rates.ts';
import type { ExportManifest } from '../../src/workflows/legacy-sync/activities.ts';
import {
  type LegacyHostFixture,
  legacyHostFixture,
} from '../activities/legacy-sync/legacy-host/legacy-host-fixture.ts';
import { sshTarget } from '../connections/ssh/ssh-fixture.ts';
import { addServer, fleetDatabase } from '../support/fleet-fixture.ts';
import { sharedStack } from '../support/stack.ts';

const pool = fleetDatabase();
let fixture: LegacyHostFixture;
beforeAll(async () => {
  fixture = await legacyHostFixture();
});
afterAll(() => fixture.close());

const ratesOf = (rates: Partial<Record<RateKind, number>>, id = 'depot-1'): HostRates =>
  createHostRates(pool(), id, (kind) => rates[kind] ?? 0);
const msOf = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
};
const times = (count: number, work: () => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, work));

test('dumps of two workers at one server take from one bucket; another server has its own', async () => {
  await addServer(pool(), 'depot-1');
  await addServer(pool(), 'depot-2', { first: 11 });
  const [one, two] = [ratesOf({ dumps: 20 }), ratesOf({ dumps: 20 })];
  // A second's worth is there at once, and the other 12 come in 0.6 s.
  expect(
    await msOf(() => Promise.all([times(16, () => one.dump(1, {})), times(16, () => two.dump(1, {}))])),
  ).toBeGreaterThan(500);
  const { rows } = await pool().query('SELECT server_id, kind FROM server_rates');
  expect(rows).toEqual([{ server_id: 'depot-1', kind: 'dumps' }]);
});

test('a large dump is not refused but paid for by those behind it, and what is cancelled is not owed', async () => {
  await addServer(pool(), 'depot-1');
  const rates = ratesOf({ rows: 1_000 });
  await rates.dump(900, {});
  const cancelled = new AbortController();
  const queued: boolean[] = [];
  const waiting = rates.dump(1_000_000, { signal: cancelled.signal, onQueued: (is) => queued.push(is) });
  setTimeout(() => cancelled.abort(new Error('cancelled')), 50);
  await expect(waiting).rejects.toThrow('cancelled');
  expect(queued).toEqual([true, false]);
  expect(await msOf(() => rates.dump(1_400, {}))).toBeGreaterThan(200);
});

test('without a rate nothing is asked', async () => {
  await ratesOf({}, 'nowhere').dump(1_000, {});
  await ratesOf({}, 'nowhere').bytes(1_000);
});

/** Passes on what it reads, and writes when how many bytes had left the host. */
const METER = `exec /usr/bin/tail "$@" | perl -MTime::HiRes=time -e '
  open LOG, ">", "LOGFILE"; $| = 1; my $sent = 0;
  while (my $read = sysread STDIN, my $bytes, 65536) {
    for (my $done = 0; $done < $read;) { $done += syswrite STDOUT, $bytes, $read - $done, $done }
    $sent += $read; printf LOG "%.3f %d\\n", time, $sent;
  }'`;
const WINDOW = 2 * 1024 * 1024;
const RATE = 4 * 1024 * 1024;

test('no more bytes leave the host than the rate allows, as the host itself counts them', async () => {
  await addServer(pool(), 'depot-1');
  const content = randomBytes(3 * RATE);
  const dir = fixture.server.remoteDirectory;
  const log = `${dir}/sent.log`;
  await fixture.remote(`mkdir -p ${dir}/1/run`);
  await fixture.pool.withSession((shell) =>
    shell.run(`base64 -d >${dir}/1/run/0-10.sql`, { timeoutMs: 60_000, payload: content.toString('base64') }),
  );
  const metered = METER.replace('LOGFILE', log);
  const host: typeof fixture.pool = {
    ...fixture.pool,
    withSession: (use, options) =>
      fixture.pool.withSession(
        (shell) =>
          use({
            ...shell,
            hostKey: shell.hostKey,
            run: (script, run) => shell.run(`tail() { ${metered}\n}\n${script.replace('exec tail', 'tail')}`, run),
          }),
        options,
      ),
  };
  const manifest = {
    file: `${dir}/1/run/0-10.sql`,
    compression: 'none',
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  } as ExportManifest;
  await transferFile({
    pool: host,
    target: sshTarget(sharedStack().ssh),
    manifest,
    localFile: join(fixture.localDir, 'paced.sql'),
    method: 'exec',
    minFreeBytes: 0,
    stallBytesPerSecond: 1,
    stallMs: 30_000,
    buffers: slotBuffers(defaultSettings()),
    rates: ratesOf({ bytes: RATE }),
  });
  const sent = (await fixture.remote(`cat ${log}`))
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number) as [number, number]);
  expect(sent.at(-1)![1]).toBe(content.length);
  const begun = sent[0]![0];
  // A second's worth at once, a portion ahead, and what the SSH window holds.
  const spare = RATE * 1.25 + WINDOW + 1024 * 1024;
  for (const [at, bytes] of sent) expect(bytes - RATE * (at - begun)).toBeLessThanOrEqual(spare);
  // Without the rate all of it would have left at once.
  expect(sent.at(-1)![0] - begun).toBeGreaterThan((content.length - spare) / RATE - 0.1);
});
