import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
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
  private readonly starting: Promise<unknown>[] = [];

  private constructor(
    private readonly stack: Stack,
    readonly fleet: Fleet,
    private readonly vehicles: string[],
    /** The ways to the legacy host and to PostgreSQL. */
    private readonly links: Record<'host' | 'database', FaultProxy>,
  ) {}

  static async open(stack: Stack, { unit }: { unit: 'vehicle' | 'table' }): Promise<FaultWorld> {
    const fleet = await openFleet({ stack, settings: { ...SETTINGS, 'export.unit': unit } });
    const vehicles = await fleet.addVehicles(VEHICLES, { rows: ROWS, padding: PADDING });
    const links = { host: await fleet.linkToHost(), database: await startFaultProxy(stack.postgres) };
    const world = new FaultWorld(stack, fleet, vehicles, links);
    await keepWhatIsCommitted(stack);
    await Promise.all([world.startWorker(), world.startWorker()]);
    links.host.set({ kind: 'rate', bytesPerSecond: 200_000 });
    await world.ask();
    return world;
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
  async operator(act: (manager: Fleet['manager'], runId: string) => Promise<unknown>): Promise<void> {
    if (this.run !== null) await act(this.fleet.manager, this.run.runId).catch(ignore);
  }

  async ask(): Promise<void> {
    this.run = await this.fleet.start().catch(() => this.run);
  }

  /** Takes every harm away: nobody stands still, all links pass, a worker is there, and nothing is paused. */
  async heal(): Promise<void> {
    for (const link of Object.values(this.links)) link.set({ kind: 'pass' });
    await this.wake();
    await Promise.allSettled(this.starting);
    if (this.fleet.workers().length === 0) await this.startWorker();
    await this.operator((manager, runId) => manager.resume(runId));
  }

  /** What is running ends by itself, and the run after it is whole, with nothing lost, doubled or left behind. */
  async expectLive(): Promise<void> {
    // It may have been cancelled, or have failed: how it ended is no matter here.
    await inTime(this.run?.result().catch(ignore));
    for (const vehicle of this.vehicles) await this.fleet.addRows(vehicle, 20);
    const run = await this.fleet.start();
    const result = await inTime(run.result());
    const ends = (await this.fleet.manager.results(run.runId)).map(({ status, error }) => error ?? status);
    const circuit = await readCircuit(this.fleet.pool, SERVER_ID);
    const whole = { completed: this.vehicles.length, failed: 0 };
    expect({ result, ends, circuit }).toMatchObject({ result: whole, ends: this.vehicles.map(() => 'completed') });
    await expectInvariants(this.fleet, this.vehicles);
    await this.expectTrue();
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

/** What a run's end gives, which has to come while nothing is wrong any more. */
const inTime = <T>(end: Promise<T> | undefined): Promise<T | undefined> =>
  Promise.race([
    end ?? Promise.resolve(undefined),
    sleep(LIVE_WITHIN_MS, undefined, { ref: false }).then(() => {
      throw new Error(`A run has not ended ${LIVE_WITHIN_MS / 1_000} s after everything was well again.`);
    }),
  ]);

/** The private MariaDB writes its log once a second: what was committed in the last one would go with it. */
async function keepWhatIsCommitted(stack: Stack): Promise<void> {
  await runMariadb(stack.mariadb, 'SET GLOBAL innodb_flush_log_at_trx_commit = 1');
}
