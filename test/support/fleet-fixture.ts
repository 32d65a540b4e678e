import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { pino } from 'pino';
import type pg from 'pg';
import { createFleetActivities } from '../../src/activities/legacy-sync/fleet/fleet-activities.ts';
import type { FleetDependencies } from '../../src/activities/legacy-sync/fleet/fleet-dependencies.ts';
import type {
  LegacyPlan,
  LegacyPlanRequest,
  LegacyPlanner,
} from '../../src/activities/legacy-sync/legacy-host/legacy-planner.ts';
import { createSettingsReader } from '../../src/records/settings-reader.ts';
import { createCircuitStore } from '../../src/pool/circuit-store.ts';
import { type LegacyServerInput, insertLegacyServer } from '../../src/records/legacy-servers.ts';
import { ensureSettings } from '../../src/records/schema/ensure-settings.ts';
import { insertReads } from '../../src/records/table-reads.ts';
import { insertVehicle } from '../../src/records/vehicles.ts';
import type {
  Claim,
  ClaimedSlice,
  ClaimedVehicle,
  FleetActivities,
  SliceOutcome,
  VehicleOutcome,
} from '../../src/workflows/legacy-sync/activities.ts';
import { type FreshDatabase, freshDatabase } from './stack.ts';
import type { VehicleSelection } from '../../src/workflows/legacy-sync/messages.ts';

export const aServer = (id: string, over: Partial<LegacyServerInput> = {}): LegacyServerInput => ({
  id,
  host: '127.0.0.1',
  user: 'sync',
  privateKeyRef: 'file:/run/secrets/key',
  hostKeyFingerprints: [`SHA256:${'a'.repeat(43)}`],
  mysqlUser: 'reader',
  database: 'gps',
  timeZone: 'Asia/Yakutsk',
  columns: { id: 'id', vehicle: 'vehicle_id', time: 't', latitude: 'lat', longitude: 'lon' },
  ...over,
});

/** One database for the tests of a file, emptied before each test, because making one takes most of a second. */
export function fleetDatabase(): () => pg.Pool {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  beforeEach(() => emptyFleet(database.pool));
  afterAll(() => database.drop());
  return () => database.pool;
}

/** Brings a test's own database back to the state after `fleetgraph migrate`. */
export async function emptyFleet(pool: pg.Pool): Promise<void> {
  await pool.query('TRUNCATE legacy_servers, vehicles, sync_runs, vehicle_syncs, audit_log, system_settings CASCADE');
  const client = await pool.connect();
  await ensureSettings(client).finally(() => client.release());
}

/** Adds a server with the vehicles `first` … `first + count - 1`. */
export async function addServer(
  pool: pg.Pool,
  id: string,
  { first = 1, count = 1, over = {} }: { first?: number; count?: number; over?: Partial<LegacyServerInput> } = {},
): Promise<void> {
  const server = await insertLegacyServer(pool, aServer(id, over));
  for (let number = first; number < first + count; number += 1) {
    await insertVehicle(
      pool,
      { id: `${number}`, label: `bus ${number}`, serverId: id, table: 'positions', legacyVehicleId: `${number}` },
      server,
    );
  }
}

export async function set(pool: pg.Pool, key: string, value: string | number | boolean): Promise<void> {
  const { rowCount } = await pool.query('UPDATE system_settings SET value = $2 WHERE key = $1', [
    `legacy_sync.${key}`,
    String(value),
  ]);
  if (rowCount !== 1) throw new Error(`no setting legacy_sync.${key}`);
}

/** A planner that asks no legacy host. It gives each vehicle the rows that `newRows` returns, up to an id that is that many further on. */
export function fakePlanner(
  newRows: (vehicleId: string) => number | LegacyPlan['vehicles'][number],
  onPlan: (request: LegacyPlanRequest) => Promise<void> | void = () => {},
): LegacyPlanner {
  return {
    async plan(request) {
      await onPlan(request);
      return {
        warnings: [],
        tables: [
          {
            table: 'positions',
            columns: [{ name: 'id', dataType: 'bigint', columnType: 'bigint(20)', nullable: false }],
          },
        ],
        vehicles: request.vehicles.map(({ vehicle, fromId }) => {
          const answer = newRows(vehicle.id);
          if (typeof answer !== 'number') return answer;
          return {
            vehicleId: vehicle.id,
            newRows: answer,
            rereadRows: 0,
            capped: false,
            maxId: `${BigInt(fromId) + BigInt(answer)}`,
          };
        }),
      };
    },
  };
}

export function fleetOf(pool: pg.Pool, over: Partial<FleetDependencies> = {}): FleetActivities {
  const log = pino({ level: 'silent' });
  const settings = createSettingsReader(pool, log);
  return createFleetActivities({
    pool,
    log,
    settings,
    planner: fakePlanner(() => 10),
    discover: async () => [],
    circuits: createCircuitStore(pool, { limits: () => settings.read() }),
    heartbeat: () => {},
    cancellationSignal: () => new AbortController().signal,
    random: () => 0.5,
    ...over,
  });
}

export async function startRun(
  fleet: FleetActivities,
  over: { selection?: VehicleSelection; mode?: 'delta' | 'full'; maxWorkers?: number | null; workflowId?: string } = {},
): Promise<string> {
  const runId = randomUUID();
  await fleet.planRun({
    runId,
    workflowId: over.workflowId ?? 'fleet-sync/all',
    selection: over.selection ?? { kind: 'all' },
    mode: over.mode ?? 'delta',
    requestedBy: 'test',
    maxWorkers: over.maxWorkers ?? 100,
  });
  return runId;
}

const NOTHING = { ranges: 0, rows: 0, inserted: 0, duplicates: 0, quarantined: 0, bytes: 0 };

export const completed = (vehicleId: string): VehicleOutcome => ({
  vehicleId,
  result: 'completed',
  totals: NOTHING,
  failure: null,
});
export const failed = (vehicleId: string, code: string): VehicleOutcome => ({
  vehicleId,
  result: 'failed',
  totals: NOTHING,
  failure: { code, message: `${code} in a test` },
});
export const alreadyRunning = (vehicleId: string): VehicleOutcome => ({
  vehicleId,
  result: 'already-running',
  totals: NOTHING,
  failure: { code: 'AlreadyRunning', message: 'in a test' },
});

export const sliceEnded = (
  { sliceId }: Pick<ClaimedSlice, 'sliceId'>,
  failure: SliceOutcome['failure'] = null,
): SliceOutcome => ({ sliceId, result: failure === null ? 'completed' : 'failed', totals: NOTHING, failure });

/** Reads these planned vehicles of `depot-1` together, in slices that end at these ids. */
export async function readTogether(
  pool: pg.Pool,
  runId: string,
  { vehicleIds, ends }: { vehicleIds: string[]; ends: number[] },
): Promise<void> {
  const slices = ends.map((to, index) => ({ fromId: `${ends[index - 1] ?? 0}`, toId: `${to}`, plannedRows: 10 }));
  await insertReads(pool, { runId, serverId: 'depot-1' }, [
    { table: 'positions', vehicleIds, overlapIds: 0, unwanted: 'sent', slices },
  ]);
}

/** A worker slot as the workflow drives it: one sequence number per claim asked for. */
export function slotOf(fleet: FleetActivities, runId: string, slot: number) {
  let sequence = 0;
  const ask = (settle: VehicleOutcome | SliceOutcome | null = null): Promise<Claim> => {
    sequence += 1;
    return fleet.claimNext({ runId, slot, sequence, settle, slices: true });
  };
  return {
    ask,
    async claim(settle: VehicleOutcome | SliceOutcome | null = null): Promise<ClaimedVehicle> {
      const claim = await ask(settle);
      if (claim.kind !== 'vehicle') throw new Error(`expected a vehicle, got ${JSON.stringify(claim)}`);
      return claim.vehicle;
    },
    async claimSlice(settle: VehicleOutcome | SliceOutcome | null = null): Promise<ClaimedSlice> {
      const claim = await ask(settle);
      if (claim.kind !== 'slice') throw new Error(`expected a slice, got ${JSON.stringify(claim)}`);
      return claim.slice;
    },
    repeat: (settle: VehicleOutcome | SliceOutcome | null = null): Promise<Claim> =>
      fleet.claimNext({ runId, slot, sequence, settle, slices: true }),
  };
}

/** Counts the deadlocks of a pool. Nothing else shows them, because a claim is tried again after one. */
export function countingDeadlocks(pool: pg.Pool): { pool: pg.Pool; deadlocks(): number } {
  let deadlocks = 0;
  const counted = async <T>(query: Promise<T>): Promise<T> => {
    try {
      return await query;
    } catch (error) {
      if ((error as { code?: string }).code === '40P01') deadlocks += 1;
      throw error;
    }
  };
  const connect = async (): Promise<pg.PoolClient> => {
    const client = await pool.connect();
    return new Proxy(client, {
      get(target, name) {
        if (name === 'query')
          return (...values: Parameters<pg.PoolClient['query']>) => counted(target.query(...values) as never);
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };
  const wrapped = new Proxy(pool, { get: (target, name) => (name === 'connect' ? connect : bound(target, name)) });
  return { pool: wrapped, deadlocks: () => deadlocks };
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}

export interface SyncRow {
  state: string;
  status: string;
  failure_code: string | null;
  failure_message: string | null;
  deferrals: number;
  slot: number | null;
  [column: string]: unknown;
}

export async function syncRow(pool: pg.Pool, runId: string, vehicleId: string): Promise<SyncRow> {
  const { rows } = await pool.query<SyncRow>('SELECT * FROM vehicle_syncs WHERE run_id = $1 AND vehicle_id = $2', [
    runId,
    vehicleId,
  ]);
  if (!rows[0]) throw new Error(`no row for vehicle ${vehicleId} in ${runId}`);
  return rows[0];
}
