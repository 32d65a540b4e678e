/**
 * Random schedules of what befalls claims: slots and runs that are killed, answers that are lost or delivered twice, leases that run out,
 * janitors, operators' orders. Safe after each step, and live once everything is healed. A failure prints its seed and the shortest schedule
 * that shows it; FLEETGRAPH_SEED=<seed> repeats it, FLEETGRAPH_SCHEDULES=<n> tries that many.
 */
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import { createSettleLostClaims } from '../../src/activities/legacy-sync/fleet/settle-lost-claims.ts';
import type { IsAlive } from '../../src/activities/legacy-sync/fleet/lost-work.ts';
import { readSettings } from '../../src/records/settings.ts';
import type { Claim, FleetActivities } from '../../src/workflows/legacy-sync/activities.ts';
import type { VehicleOutcome } from '../../src/workflows/legacy-sync/results.ts';
import {
  addServer,
  alreadyRunning,
  completed,
  emptyFleet,
  failed,
  fleetDatabase,
  fleetOf,
  set,
  startRun,
} from '../support/fleet-fixture.ts';

const SCHEDULES = Number(process.env['FLEETGRAPH_SCHEDULES'] ?? 100);
const SEED = process.env['FLEETGRAPH_SEED'];
const VEHICLES = 6;
const PLACES_AT_SERVER = 3;
const SLOTS = 4;
const RUNS = 2;

const pool = fleetDatabase();

interface Slot {
  number: number;
  sequence: number;
  settle: VehicleOutcome | null;
  /** The vehicle that it works on. */
  vehicle: string | null;
}

interface Run {
  runId: string;
  workflowId: string;
  slots: Slot[];
  paused: boolean;
}

/** FAKE Temporal: which runs, slots and vehicles are alive is what a schedule made of them. The claims are PostgreSQL's own. */
class World {
  readonly runs: Run[] = [];
  /** Vehicles whose slot was killed and that still clean up under their own workflow. */
  readonly lingering = new Set<string>();
  readonly fleet: FleetActivities = fleetOf(pool());
  readonly #settled = new Map<string, string>();

  readonly isAlive: IsAlive = async (workflowId, firstRunId) => {
    const run = this.runs.find((each) => workflowId.startsWith(each.workflowId));
    const [, slot] = /\/worker-(\d+)$/.exec(workflowId) ?? [];
    const [, vehicle] = /^vehicle-sync\/(\d+)$/.exec(workflowId) ?? [];
    const alive =
      vehicle === undefined
        ? run !== undefined &&
          (slot === undefined
            ? firstRunId === undefined || run.runId === firstRunId
            : run.slots.some(({ number }) => number === Number(slot)))
        : this.lingering.has(vehicle) || this.slots().some((each) => each.vehicle === vehicle);
    return alive ? 'running' : 'closed';
  };

  slots(): Slot[] {
    return this.runs.flatMap(({ slots }) => slots);
  }

  /** Each slot with its run, as they are now. */
  pairs(): [Run, Slot][] {
    return this.runs.flatMap((run) => run.slots.map((slot): [Run, Slot] => [run, slot]));
  }

  async start(): Promise<void> {
    if (this.runs.length === RUNS) return;
    const workflowId = `fleet-sync/${this.runs.some((run) => run.workflowId.endsWith('/a')) ? 'b' : 'a'}`;
    const runId = await startRun(this.fleet, { workflowId, maxWorkers: SLOTS });
    const slots = Array.from({ length: SLOTS }, (_, index) => newSlot(index + 1));
    this.runs.push({ runId, workflowId, slots, paused: false });
  }

  /** The slot's next request, as its workflow makes it. `deliveries`: the activity ran so often. `lost`: nobody heard the answer, and it is asked again. */
  async ask(run: Run, slot: Slot, { deliveries = 1, lost = false } = {}): Promise<void> {
    if (slot.vehicle !== null) return;
    const { runId } = run;
    const request = { runId, slot: slot.number, sequence: slot.sequence + 1, settle: slot.settle, knownWorkers: SLOTS };
    const answers: Claim[] = await Promise.all(Array.from({ length: deliveries }, () => this.fleet.claimNext(request)));
    if (lost) return;
    slot.sequence += 1;
    slot.settle = null;
    const vehicles = new Set(answers.flatMap((claim) => (claim.kind === 'vehicle' ? [claim.vehicle.vehicleId] : [])));
    // Two deliveries of one request are one claim.
    expect(vehicles.size).toBeLessThanOrEqual(1);
    const [claim] = answers.filter(({ kind }) => kind === 'vehicle');
    if (claim?.kind === 'vehicle') slot.vehicle = claim.vehicle.vehicleId;
    else if (answers[0]!.kind === 'retire') run.slots.splice(run.slots.indexOf(slot), 1);
  }

  end(slot: Slot, outcome: (vehicleId: string) => VehicleOutcome): void {
    if (slot.vehicle === null) return;
    slot.settle = this.lingering.has(slot.vehicle) ? alreadyRunning(slot.vehicle) : outcome(slot.vehicle);
    slot.vehicle = null;
  }

  kill(run: Run, slot: Slot, n: number): void {
    if (slot.vehicle !== null && n % 2 === 0) this.lingering.add(slot.vehicle);
    run.slots.splice(run.slots.indexOf(slot), 1);
    // The run opens it again, under the same number and from its beginning.
    if (n % 3 > 0) run.slots.push(newSlot(slot.number));
  }

  async order(run: Run, order: { paused?: boolean; maxWorkers?: number }): Promise<void> {
    await this.fleet.controlRun({ runId: run.runId, ...order });
    run.paused = order.paused ?? run.paused;
  }

  async janitors(count: number): Promise<void> {
    const reconcile = createSettleLostClaims({
      pool: pool(),
      settings: () => readSettings(pool()),
      isAlive: this.isAlive,
      log: pino({ level: 'silent' }),
    });
    await Promise.all(Array.from({ length: count }, reconcile));
  }

  async finishDrained(): Promise<void> {
    for (const run of this.runs.filter(({ slots }) => slots.length === 0)) {
      await this.fleet.finishRun({ runId: run.runId, outcome: 'completed' });
      this.runs.splice(this.runs.indexOf(run), 1);
    }
  }

  /** What must hold at every moment. */
  async assertSafe(): Promise<void> {
    const { rows } = await pool().query<{
      run: string;
      vehicle: string;
      state: string;
      end: string;
      slot: number | null;
    }>(
      `SELECT run_id AS run, vehicle_id AS vehicle, state, status || ' ' || coalesce(failure_code, '') AS end, slot FROM vehicle_syncs`,
    );
    const claims = rows.filter(({ state }) => state === 'claimed');
    const distinct = (of: (row: (typeof rows)[number]) => string): number => new Set(claims.map(of)).size;
    expect(distinct(({ vehicle }) => vehicle)).toBe(claims.length);
    expect(distinct(({ run, slot }) => `${run}/${slot}`)).toBe(claims.length);
    expect(claims.length).toBeLessThanOrEqual(PLACES_AT_SERVER);
    for (const { run, vehicle, state, end } of rows) {
      const name = `${run}/${vehicle}`;
      const before = this.#settled.get(name);
      // What was settled once stays as it was.
      if (before !== undefined) expect([state, end]).toEqual(['settled', before]);
      if (state === 'settled') this.#settled.set(name, end);
    }
  }
}

const newSlot = (number: number): Slot => ({ number, sequence: 0, settle: null, vehicle: null });
const expireLeases = (): Promise<unknown> =>
  pool().query(`UPDATE vehicle_syncs SET lease_until = now() - interval '1 second' WHERE state = 'claimed'`);
const endWaits = (): Promise<unknown> =>
  pool().query(`UPDATE vehicle_syncs SET not_before = now() WHERE state = 'planned'`);

/** One of the run's slots, and its run; null when there is none. */
function pick(world: World, n: number): [Run, Slot] | null {
  const all = world.pairs();
  return all.length === 0 ? null : all[n % all.length]!;
}
const onSlot =
  (act: (world: World, run: Run, slot: Slot, n: number) => Promise<void> | void) =>
  async (world: World, n: number): Promise<void> => {
    const picked = pick(world, n);
    if (picked !== null) await act(world, ...picked, n);
  };
const onRun =
  (act: (world: World, run: Run, n: number) => Promise<void> | void) =>
  async (world: World, n: number): Promise<void> => {
    if (world.runs.length > 0) await act(world, world.runs[n % world.runs.length]!, n);
  };

const STEPS: Record<string, (world: World, n: number) => Promise<void>> = {
  'a run begins': (world) => world.start(),
  'all slots ask at once': async (world) => {
    await Promise.all(world.pairs().map(([run, slot]) => world.ask(run, slot)));
  },
  'a slot asks': onSlot((world, run, slot) => world.ask(run, slot)),
  'an answer is lost': onSlot((world, run, slot) => world.ask(run, slot, { lost: true })),
  'a request is delivered twice': onSlot((world, run, slot) => world.ask(run, slot, { deliveries: 2 })),
  'a vehicle completes': onSlot((world, _, slot) => world.end(slot, completed)),
  'a vehicle fails': onSlot((world, _, slot) => world.end(slot, (id) => failed(id, 'TableMissing'))),
  'all vehicles complete': async (world) => world.slots().forEach((slot) => world.end(slot, completed)),
  'a slot is killed': onSlot((world, run, slot, n) => world.kill(run, slot, n)),
  'a run is terminated': onRun((world, run, n) => {
    for (const [of, slot] of world.pairs()) if (of === run) world.kill(run, slot, 6 + (n % 2));
    run.slots.length = 0;
    world.runs.splice(world.runs.indexOf(run), 1);
  }),
  'what lingers ends': async (world) => world.lingering.clear(),
  'leases run out, and three janitors look': async (world) => {
    await expireLeases();
    await world.janitors(3);
  },
  'a run is paused': onRun((world, run) => world.order(run, { paused: true })),
  'a run is resumed': onRun((world, run) => world.order(run, { paused: false })),
  'the number of workers is changed': onRun((world, run, n) =>
    world.order(run, { maxWorkers: [1, 2, SLOTS, 1_000][n % 4]! }),
  ),
  'the waits are over': async () => void (await endWaits()),
  'drained runs finish': (world) => world.finishDrained(),
};

/** Everything comes back, and goes on until nothing is left to do. */
async function heal(world: World): Promise<void> {
  for (const run of world.runs) await world.order(run, { paused: false, maxWorkers: SLOTS });
  for (let round = 0; round < 60 && world.runs.length > 0; round += 1) {
    world.lingering.clear();
    await endWaits();
    await expireLeases();
    await world.janitors(1);
    for (const [run, slot] of world.pairs()) await world.ask(run, slot);
    for (const slot of world.slots()) world.end(slot, completed);
    await world.assertSafe();
    await world.finishDrained();
  }
  world.lingering.clear();
  await expireLeases();
  await world.janitors(1);
}

async function assertLive(world: World): Promise<void> {
  expect(world.runs).toEqual([]);
  const open = `SELECT (SELECT count(*)::int FROM sync_runs WHERE state = 'running') AS runs,
                       (SELECT count(*)::int FROM vehicle_syncs WHERE state <> 'settled') AS vehicles`;
  expect((await pool().query(open)).rows).toEqual([{ runs: 0, vehicles: 0 }]);
  // Nothing of the past is in the way of the next run.
  await world.start();
  const { runId } = world.runs[0]!;
  await heal(world);
  expect(await world.fleet.finishRun({ runId, outcome: 'completed' })).toMatchObject({
    state: 'completed',
    completed: VEHICLES,
    failed: 0,
  });
}

let tried = 0;
afterAll(() => console.log(`${tried} random schedules`));

test('whatever happens in whatever order, no vehicle is claimed twice or settled twice, and in the end every one is settled', async () => {
  const step = fc.record({ act: fc.constantFrom(...Object.keys(STEPS)), n: fc.nat(11) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (schedule) => {
      tried += 1;
      await emptyFleet(pool());
      await addServer(pool(), 'depot-1', {
        count: VEHICLES,
        over: { limits: { maxConcurrentVehicles: PLACES_AT_SERVER } },
      });
      await set(pool(), 'worker_pool.claim_poll_ms', 1);
      const world = new World();
      await world.start();
      for (const { act, n } of schedule) {
        await STEPS[act]!(world, n);
        await world.assertSafe();
      }
      await heal(world);
      await assertLive(world);
    }),
    { numRuns: SCHEDULES, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
  );
}, 600_000);
