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
} from '../../src/activities/legacy-sync/fleet/legacy-planner.ts';
import { createSettingsReader } from '../../src/activities/legacy-sync/fleet/settings-reader.ts';
import { openBreakerStore } from '../../src/pool/breaker-store.ts';
import { type LegacyServerInput, insertLegacyServer } from '../../src/settings/legacy-servers.ts';
import { ensureSettings } from '../../src/settings/ensure-settings.ts';
import { insertVehicle } from '../../src/settings/vehicles.ts';
import type {
  Claim,
  ClaimedVehicle,
  FleetActivities,
  VehicleOutcome,
} from '../../src/workflows/legacy-sync/activities.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';
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

/** A database for the tests of a file, before each of them as `fleetgraph migrate` leaves it: making one takes most of a second. */
export function fleetDatabase(): () => pg.Pool {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  beforeEach(() => emptyFleet(database.pool));
  afterAll(() => database.drop());
  return () => database.pool;
}

/** Back to that state, in a database of one's own. */
export async function emptyFleet(pool: pg.Pool): Promise<void> {
  await pool.query('TRUNCATE legacy_servers, vehicles, sync_runs, vehicle_syncs, audit_log, system_settings CASCADE');
  const client = await pool.connect();
  await ensureSettings(client).finally(() => client.release());
}

/** A server with vehicles `first` … `first + count - 1`. */
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

/** A fake of the legacy hosts: says for each vehicle what `newRows` says, up to an id that is the number of rows further on. */
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
    breakers: openBreakerStore(pool, { limits: () => settings.read() }),
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

/** A worker slot as the workflow drives it: one sequence number per claim asked for. */
export function slotOf(fleet: FleetActivities, runId: string, slot: number) {
  let sequence = 0;
  const ask = (settle: VehicleOutcome | null = null): Promise<Claim> => {
    sequence += 1;
    return fleet.claimNext({ runId, slot, sequence, settle });
  };
  return {
    ask,
    async claim(settle: VehicleOutcome | null = null): Promise<ClaimedVehicle> {
      const claim = await ask(settle);
      if (claim.kind !== 'vehicle') throw new Error(`expected a vehicle, got ${JSON.stringify(claim)}`);
      return claim.vehicle;
    },
    repeat: (settle: VehicleOutcome | null = null): Promise<Claim> =>
      fleet.claimNext({ runId, slot, sequence, settle }),
  };
}

/** The same pool, counting the deadlocks that PostgreSQL ended: a claim tries again after one, so that nobody else would see it. */
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
