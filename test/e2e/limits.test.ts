import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { type Fleet, type Run, openFleet } from '../support/fleet.ts';
import { createApiKey } from '../../src/records/api-keys.ts';
import { type ApiProcess, startApiProcess } from '../support/api-process.ts';
import { expectInvariants, localFiles } from '../support/invariants.ts';

let fleet: Fleet;
let link: FaultProxy;

/** Slots that work on a vehicle, as the live projection shows them. */
async function busySlots({ runId }: Run): Promise<number> {
  const { workers } = await fleet.manager.status(runId);
  return workers.filter(({ status }) => ['exporting', 'transferring', 'importing'].includes(status)).length;
}

const untilBusy = (run: Run, slots: number, withinMs: number): Promise<void> =>
  eventually(async () => expect(await busySlots(run)).toBe(slots), { withinMs, everyMs: 100 });

describe('max_workers raised from 3 to 5 while all slots are busy', () => {
  let ids: string[];
  let api: ApiProcess;
  let key: string;
  beforeAll(async () => {
    fleet = await openFleet({ settings: { 'export.compression': 'none' } });
    ids = await fleet.addVehicles(8, { rows: 1_500, padding: 400 });
    link = await fleet.linkToHost();
    await fleet.startWorker();
    ({ key } = await createApiKey(fleet.pool, { name: 'test', role: 'admin', actor: 'test' }));
    api = await startApiProcess(fleet.environment);
  }, 60_000);
  afterAll(async () => {
    await api?.kill();
    await fleet.close();
  });

  async function putSetting(value: number): Promise<void> {
    const response = await fetch(`${api.url}/api/v1/settings/legacy_sync.worker_pool.max_workers`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ value, reason: 'the night is short' }),
    });
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 200,
      body: { setting: { value } },
    });
  }

  const HOW: { how: string; raise(run: Run): Promise<unknown> }[] = [
    { how: 'a plain SQL UPDATE of system_settings', raise: () => fleet.set({ 'worker_pool.max_workers': 5 }) },
    { how: 'an update of the run', raise: ({ runId }) => fleet.manager.setMaxWorkers(runId, 5) },
    { how: 'a PUT of the setting to the API', raise: () => putSetting(5) },
    { how: 'the command line', raise: ({ runId }) => fleet.cli('set-max-workers', runId, '5') },
  ];

  test.each(HOW)(
    'by $how shows 5 busy slots within 5 s',
    async ({ raise }) => {
      await fleet.set({ 'worker_pool.max_workers': 3 });
      for (const id of ids) await fleet.addRows(id, 1_500, 400);
      link.set({ kind: 'rate', bytesPerSecond: 40_000 });
      const run = await fleet.start();
      await untilBusy(run, 3, 20_000);
      await raise(run);
      await untilBusy(run, 5, 5_000);
      link.set({ kind: 'pass' });
      expect(await run.result()).toMatchObject({ completed: 8, failed: 0 });
      await expectInvariants(fleet, ids);
    },
    90_000,
  );
});

describe('two worker processes and two runs at one legacy server', () => {
  beforeAll(async () => {
    fleet = await openFleet({
      settings: {
        'export.compression': 'none',
        'transfer.stream_max_bytes': 0,
        // A session is a connection then, so that all five are wanted.
        'ssh.sessions_per_connection': 1,
        'server.max_concurrent_vehicles': 16,
      },
    });
    link = await fleet.linkToHost();
  }, 60_000);
  afterAll(() => fleet.close());

  test('open five connections and move three files at once, and never more', async () => {
    const ids = await fleet.addVehicles(16, { rows: 500, padding: 400 });
    link.set({ kind: 'rate', bytesPerSecond: 250_000 });
    await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    let mostTransfers = 0;
    const sampler = setInterval(() => (mostTransfers = Math.max(mostTransfers, transfers())), 25);
    const runs = [ids.slice(0, 8), ids.slice(8)].map((vehicleIds) =>
      fleet.start({ selection: { kind: 'list', vehicleIds }, maxWorkers: 6 }),
    );
    for (const run of await Promise.all(runs)) {
      expect(await run.result()).toMatchObject({ completed: 8, failed: 0 });
    }
    clearInterval(sampler);
    expect({ connections: link.traffic().most, transfers: mostTransfers }).toEqual({ connections: 5, transfers: 3 });
    await expectInvariants(fleet, ids);
  }, 120_000);
});

/** A file that is under way is called .part on this side. */
const transfers = (): number => localFiles(fleet.stagingDir).filter((name) => name.endsWith('.part')).length;
