import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { WorkerPoolManager } from '../../src/client/worker-pool-manager.ts';
import { readCircuit } from '../../src/pool/circuit-store.ts';
import type { ServerName, Stack } from '../../src/stack/stack.ts';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import { type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type Fleet, type Run, SERVER_ID, openFleet } from './fleet.ts';
import type { FleetWorker } from './fleet-worker.ts';
import { expectInvariants } from './invariants.ts';

const VEHICLES = 4;
const ROWS = 400;
const PADDING = 400;
/** How long a run may take once nothing is wrong any more. */
const LIVE_WITHIN_MS = 90_000;
/** How long anything else may take. */
const STEP_WITHIN_MS = 90_000;
/** An operator has less patience here: while all workers stand still, nobody hears an order. */
const STEERING_MS = 2_000;

const SETTINGS = {
  'export.compression': 'none',
  'cleanup.interval_ms': 1_000,
  'ssh.keepalive_ms': 1_000,
  'ssh.connect_timeout_ms': 3_000,
  'worker_pool.retry_initial_ms': 200,
  'server.breaker_open_ms': 1_000,
  'server.breaker_open_max_ms': 2_000,
};

/** One fleet with two workers, whose processes, servers and links a schedule does harm to. */
export class FaultWorld {
  private run: Run | null = null;
  private readonly still = new Set<FleetWorker>();
  private readonly manager: WorkerPoolManager;
  private readonly starting: Promise<unknown>[] = [];

  private constructor(
    private readonly stack: Stack,
    readonly fleet: Fleet,
    private readonly vehicles: string[],
    /** The ways to the legacy host and to PostgreSQL. */
    private readonly links: Record<'host' | 'database', FaultProxy>,
  ) {
    const { client: temporal, pool: postgres, progress } = fleet;
    this.manager = new WorkerPoolManager({ temporal, postgres, progress, steeringMs: STEERING_MS });
  }

  static async open(stack: Stack, { unit }: { unit: 'vehicle' | 'table' }): Promise<FaultWorld> {
    const fleet = await openFleet({ stack, settings: { ...SETTINGS, 'export.unit': unit } });
    const database = await startFaultProxy(stack.postgres);
    try {
      const vehicles = await fleet.addVehicles(VEHICLES, { rows: ROWS, padding: PADDING });
      const links = { host: await fleet.linkToHost(), database };
      const world = new FaultWorld(stack, fleet, vehicles, links);
      await keepWhatIsCommitted(stack);
      await Promise.all([world.startWorker(), world.startWorker()]);
      links.host.set({ kind: 'rate', bytesPerSecond: 200_000 });
      await world.ask();
      return world;
    } catch (error) {
      await fleet.close();
      await database.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.starting);
    await this.fleet.close();
    await this.links.database.close();
  }

  private startWorker(): Promise<FleetWorker> {
    const url = new URL(this.fleet.environment['FLEETGRAPH_POSTGRES_URL']!);
    url.port = String(this.links.database.port);
    return this.fleet.startWorker({ env: { FLEETGRAPH_POSTGRES_URL: url.href } });
  }

  private worker(n: number): FleetWorker | undefined {
    const workers = this.fleet.workers();
    return workers[n % workers.length];
  }

  link(name: 'host' | 'database', fault: Fault): void {
    this.links[name].set(fault);
  }

  /** Ends a worker, by a deploy or by kill -9, and starts another in its place. */
  async replace(n: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const worker = this.worker(n);
    if (worker === undefined) return;
    this.still.delete(worker);
    // One that stands still does not hear SIGTERM.
    await worker.kill('SIGCONT');
    this.starting.push(worker.kill(signal), this.startWorker().catch(ignore));
  }

  async freeze(n: number): Promise<void> {
    const worker = this.worker(n);
    if (worker === undefined) return;
    this.still.add(worker);
    await worker.kill('SIGSTOP');
  }

  async wake(): Promise<void> {
    for (const worker of this.still) await worker.kill('SIGCONT');
    this.still.clear();
  }

  async killServer(name: ServerName, awayMs: number): Promise<void> {
    await this.stack.server(name).kill('SIGKILL');
    await sleep(awayMs);
    await this.stack.server(name).restart();
    if (name === 'mariadb') await keepWhatIsCommitted(this.stack);
  }

  async news(n: number): Promise<void> {
    await this.fleet.addRows(this.vehicles[n % this.vehicles.length]!, 50 + n, PADDING);
  }

  /** What an operator asks for while a server is away is refused with an error, which is all right here. */
  async operator(act: (manager: WorkerPoolManager, runId: string) => Promise<unknown>): Promise<void> {
    if (this.run !== null) await act(this.manager, this.run.runId).catch(ignore);
  }

  async ask(): Promise<void> {
    this.run = await this.fleet.start().catch(() => this.run);
  }

  /** One step of a schedule. @throws Error with its name when it has no end */
  do(what: string, step: Promise<void> | void): Promise<void> {
    return inTime(what, STEP_WITHIN_MS, Promise.resolve(step));
  }

  /** Takes every harm away: nobody stands still, all links pass, a worker is there, and nothing is paused. */
  async heal(): Promise<void> {
    for (const link of Object.values(this.links)) link.set({ kind: 'pass' });
    await this.wake();
    await Promise.allSettled(this.starting);
    if (this.fleet.workers().length === 0) await this.startWorker();
    if (this.run !== null) await this.fleet.manager.resume(this.run.runId).catch(ignore);
  }

  /** What is running ends by itself, and the run after it is whole, with nothing lost, doubled or left behind. */
  async expectLive(): Promise<void> {
    // It may have been cancelled, or have failed: how it ended is no matter here.
    await inTime('the run of the schedule', LIVE_WITHIN_MS, Promise.resolve(this.run?.result().catch(ignore)));
    for (const vehicle of this.vehicles) await this.fleet.addRows(vehicle, 20);
    const run = await this.fleet.start();
    const result = await inTime('the run after everything was well again', LIVE_WITHIN_MS, run.result());
    const ends = (await this.fleet.manager.results(run.runId)).map(({ status, error }) => error ?? status);
    const circuit = await readCircuit(this.fleet.pool, SERVER_ID);
    const whole = { completed: this.vehicles.length, failed: 0 };
    expect({ result, ends, circuit }).toMatchObject({ result: whole, ends: this.vehicles.map(() => 'completed') });
    await expectInvariants(this.fleet, this.vehicles);
    await this.expectTrue();
  }

  /** What is under way, for a failure that cannot be seen again: the runs and vehicles, what Temporal waits for, the last words of the workers. */
  async account(): Promise<string> {
    const { rows } = await this.fleet.pool.query<{ line: string }>(
      `SELECT concat_ws(' ', 'run', run_id, state, started_at) AS line FROM sync_runs
       UNION ALL SELECT concat_ws(' ', 'vehicle', vehicle_id, status, 'of run', run_id, failure_code, failure_message) FROM vehicle_syncs`,
    );
    const waits: string[] = [];
    for await (const { workflowId } of this.fleet.client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
      const { raw } = await this.fleet.client.workflow.getHandle(workflowId).describe();
      waits.push(JSON.stringify({ workflowId, task: raw.pendingWorkflowTask, activities: raw.pendingActivities }));
    }
    const words = this.fleet.workers()[0]?.log().split('\n').slice(-40) ?? ['no worker'];
    return [...rows.map(({ line }) => line), ...waits, ...words].join('\n');
  }

  /** What the rows of all runs say came in is what is there. */
  private async expectTrue(): Promise<void> {
    const { rows } = await this.fleet.pool.query<{ told: string; there: string }>(
      `SELECT (SELECT coalesce(sum(inserted), 0) FROM vehicle_syncs) AS told, (SELECT count(*) FROM positions) AS there`,
    );
    expect(rows[0]!.told).toBe(rows[0]!.there);
  }
}

const ignore = (): null => null;

/** What `end` gives, which has to come in time: a test that only ran out of time would not say what it waited for. */
async function inTime<T>(what: string, withinMs: number, end: Promise<T>): Promise<T> {
  const gaveUp = new AbortController();
  const late = sleep(withinMs, undefined, { signal: gaveUp.signal }).then(() => {
    throw new Error(`No end after ${withinMs / 1_000} s: ${what}.`);
  });
  try {
    return await Promise.race([end, late]);
  } finally {
    gaveUp.abort();
  }
}

/** The private MariaDB writes its log once a second: what was committed in the last one would go with it. */
async function keepWhatIsCommitted(stack: Stack): Promise<void> {
  await runMariadb(stack.mariadb, 'SET GLOBAL innodb_flush_log_at_trx_commit = 1');
}
