import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { isConnected } from '../support/connections.ts';
import { eventually } from '../support/eventually.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type Fleet, untilStage, withFleet } from '../support/fleet.ts';
import { expectInvariants, filesBelow, localFiles } from '../support/invariants.ts';

const BYTES_PER_SECOND = 60_000;
const ROWS = 8_000;

/** One vehicle whose file of 4.5 MB takes longer than any of these tests at that rate, and not one failure of the work is allowed. */
const oneSlowVehicle = (work: (fleet: Fleet) => Promise<void>): Promise<void> =>
  withFleet(
    { settings: { 'export.compression': 'none', 'transfer.stream_max_bytes': 0, 'worker_pool.retry_attempts': 0 } },
    async (fleet) => {
      await fleet.addVehicles(1, { rows: ROWS, padding: 500 });
      await work(fleet);
    },
  );

/** Attempts of an activity as Temporal counted them, by activity type. */
async function attempts({ client }: Fleet, vehicleId: string): Promise<Record<string, number>> {
  const { events } = await client.workflow.getHandle(`vehicle-sync/${vehicleId}`).fetchHistory();
  const scheduled = new Map<string, string>();
  const counted: Record<string, number> = {};
  for (const event of events ?? []) {
    const type = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (type) scheduled.set(String(event.eventId), type);
    const started = event.activityTaskStartedEventAttributes;
    const name = scheduled.get(String(started?.scheduledEventId));
    if (started && name) counted[name] = (counted[name] ?? 0) + Number(started.attempt ?? 1);
  }
  return counted;
}

/** The process that runs the import's COPY now; waits for one. */
async function importingProcess({ pool }: Fleet): Promise<number> {
  const copying = `SELECT substring(application_name FROM 'fleetgraph import by (\\d+)@')::int AS pid FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'COPY%' AND application_name LIKE 'fleetgraph import by %'`;
  let pid: number | undefined;
  await eventually(
    async () => {
      pid = (await pool.query<{ pid: number }>(copying)).rows[0]?.pid;
      expect(pid).toBeDefined();
    },
    { withinMs: 60_000, everyMs: 5 },
  );
  return pid!;
}

test.concurrent(
  'three deploys in a row during one transfer cost no attempt, and each goes on where the last one stopped',
  () =>
    oneSlowVehicle(async (fleet) => {
      const link = await fleet.linkToHost();
      link.set({ kind: 'rate', bytesPerSecond: BYTES_PER_SECOND });
      let worker = await fleet.startWorker();
      const run = await fleet.start();
      for (let deploy = 1; deploy <= 3; deploy += 1) {
        await untilStage(fleet, run.runId, 'transferring');
        await eventually(() => expect(worker.log().match(/the worker polls/g)).toHaveLength(deploy));
        const before = link.traffic().bytes;
        await eventually(() => expect(link.traffic().bytes).toBeGreaterThan(before + 100_000));
        expect(await worker.stop()).toBe(0);
        worker = await fleet.startWorker();
      }
      link.set({ kind: 'pass' });
      expect(await run.result()).toMatchObject({ completed: 1, failed: 0, rows: ROWS });
      const { loadRange = 0 } = await attempts(fleet, '1');
      expect(loadRange).toBeGreaterThanOrEqual(4);
      // The file once, and not once for every deploy.
      const [result] = await fleet.manager.results(run.runId);
      expect(link.traffic().bytes).toBeLessThan(1.5 * result!.bytes);
      await expectInvariants(fleet, ['1']);
    }),
  240_000,
);

test.concurrent(
  'the host that held the file is lost: another one transfers it again, and the export is not redone',
  () =>
    oneSlowVehicle(async (fleet) => {
      const lostStaging = join(fleet.stagingDir, '..', 'staging-of-lost-host');
      const link = await fleet.linkToHost();
      link.set({ kind: 'rate', bytesPerSecond: BYTES_PER_SECOND });
      const lost = await fleet.startWorker({ stagingDir: lostStaging });
      const run = await fleet.start();
      await untilStage(fleet, run.runId, 'transferring');
      await eventually(() => expect(localFiles(lostStaging).join()).toMatch(/\.part/));
      const exported = filesBelow(fleet.remoteDir);
      await lost.kill();
      rmSync(lostStaging, { recursive: true });
      await fleet.startWorker();
      await eventually(() => expect(localFiles(fleet.stagingDir).join()).toMatch(/\.part/), { withinMs: 30_000 });
      expect(filesBelow(fleet.remoteDir)).toEqual(exported);
      link.set({ kind: 'pass' });
      expect(await run.result()).toMatchObject({ completed: 1, failed: 0, rows: ROWS });
      expect(await attempts(fleet, '1')).toEqual({ exportRange: 1, loadRange: 2 });
      await expectInvariants(fleet, ['1']);
    }),
  240_000,
);

test.concurrent(
  'a worker that stood still past its heartbeat and woke up again does no harm beside its successor',
  () =>
    oneSlowVehicle(async (fleet) => {
      const link = await fleet.linkToHost();
      link.set({ kind: 'rate', bytesPerSecond: BYTES_PER_SECOND });
      const zombie = await fleet.startWorker();
      const run = await fleet.start();
      await untilStage(fleet, run.runId, 'transferring');
      await zombie.kill('SIGSTOP');
      // On the same host: it shares the staging folder with its successor.
      await fleet.startWorker();
      await eventually(
        async () => {
          const { raw } = await fleet.client.workflow.getHandle('vehicle-sync/1').describe();
          expect(raw.pendingActivities?.[0]?.attempt).toBe(2);
        },
        { withinMs: 30_000, everyMs: 200 },
      );
      await zombie.kill('SIGCONT');
      link.set({ kind: 'pass' });
      expect(await run.result()).toMatchObject({ completed: 1, failed: 0, rows: ROWS });
      await expectInvariants(fleet, ['1']);
    }),
  240_000,
);

test.concurrent(
  'a worker that stands still inside its COPY holds the vehicle no longer than its heartbeat, and is fenced out when it wakes up',
  () =>
    withFleet(
      { settings: { 'export.compression': 'none', 'transfer.stream_max_bytes': 0, 'worker_pool.retry_attempts': 0 } },
      async (fleet) => {
        await fleet.addVehicles(1, { rows: 120_000, padding: 100 });
        const staging = (name: string) => join(fleet.stagingDir, '..', `staging-of-${name}`);
        const [one, two] = await Promise.all(
          ['one', 'two'].map((name) => fleet.startWorker({ stagingDir: staging(name) })),
        );
        const run = await fleet.start();
        const importing = await importingProcess(fleet);
        const [frozen, elsewhere] = importing === one!.pid ? [one!, staging('one')] : [two!, staging('two')];
        await frozen.kill('SIGSTOP');
        const temporalPort = Number(fleet.stack.temporal.address.split(':')[1]);
        expect(isConnected(frozen.pid, temporalPort)).toBe(true);
        // Temporal gives up its open polls before it hands the work on: each could have taken the work, and kept it for a heartbeat's patience.
        await eventually(() => expect(isConnected(frozen.pid, temporalPort)).toBe(false), { withinMs: 30_000 });
        expect(await run.result()).toMatchObject({ completed: 1, failed: 0, rows: 120_000 });
        await frozen.kill('SIGCONT');
        // Its own copy of the file goes as soon as it has heard that the vehicle is not its any more.
        await eventually(() => expect(localFiles(elsewhere)).toEqual([]), { withinMs: 30_000 });
        await expectInvariants(fleet, ['1']);
      },
    ),
  240_000,
);

test.concurrent(
  "the answer to the import's COMMIT is lost: every row is there once, and it costs no second import",
  () =>
    oneSlowVehicle(async (fleet) => {
      const proxy = await startFaultProxy(fleet.stack.postgres);
      try {
        const url = new URL(fleet.environment.FLEETGRAPH_POSTGRES_URL!);
        url.port = String(proxy.port);
        proxy.set({ kind: 'drop-reply-after', pattern: /INSERT INTO import_ledger[^]*COMMIT/, reset: true });
        await fleet.startWorker({ env: { FLEETGRAPH_POSTGRES_URL: url.href } });
        const run = await fleet.start();
        expect(await run.result()).toMatchObject({ completed: 1, failed: 0, rows: ROWS });
        expect(proxy.dropped()).toBe(1);
        await expectInvariants(fleet, ['1']);
      } finally {
        await proxy.close();
      }
    }),
  240_000,
);

/** Not one failure of the work is allowed. */
const STREAMED = { 'export.compression': 'none', 'worker_pool.retry_attempts': 0 } as const;

test.concurrent.each([
  {
    what: 'of which planning counted a row less',
    rows: 500,
    padding: 0,
    sql: `CREATE FUNCTION miscount() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.planned_rows = NEW.planned_rows - 1; RETURN NEW; END $$;
          CREATE TRIGGER miscount BEFORE INSERT ON vehicle_syncs FOR EACH ROW EXECUTE FUNCTION miscount()`,
  },
  { what: 'that is larger than its rows let expect', rows: 1_500, padding: 900, sql: 'SELECT 1' },
])(
  'a dump $what is not taken from memory: the next attempt writes a file, and it costs the vehicle none',
  ({ rows, padding, sql }) =>
    withFleet({ settings: STREAMED }, async (fleet) => {
      await fleet.addVehicles(1, { rows, padding });
      await fleet.pool.query(sql);
      await fleet.startWorker();
      expect(await (await fleet.start()).result()).toMatchObject({ completed: 1, failed: 0, rows });
      expect(await attempts(fleet, '1')).toEqual({ exportRange: 2, loadRange: 1 });
      await expectInvariants(fleet, ['1']);
    }),
  240_000,
);

test.concurrent(
  'a small dump comes in one attempt, and a vehicle whose rows are large is not tried that way a second time',
  () =>
    withFleet({ settings: STREAMED }, async (fleet) => {
      await fleet.addVehicles(2, { rows: 300 });
      await fleet.addRows('2', 1_500, 900);
      await fleet.startWorker();
      await (await fleet.start()).result();
      await fleet.addRows('1', 300);
      await fleet.addRows('2', 1_500, 900);
      expect(await (await fleet.start()).result()).toMatchObject({ completed: 2, failed: 0 });
      expect(await attempts(fleet, '1')).toEqual({ exportRange: 1 });
      expect(await attempts(fleet, '2')).toEqual({ exportRange: 1, loadRange: 1 });
      await expectInvariants(fleet, ['1', '2']);
    }),
  240_000,
);
