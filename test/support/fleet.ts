import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import pLimit from 'p-limit';
import type pg from 'pg';
import { WorkerPoolManager } from '../../src/client/worker-pool-manager.ts';
import { createProgressStore, type ProgressStore } from '../../src/records/progress.ts';
import { openRedis } from '../../src/connections/redis.ts';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import { stackLegacyServer } from '../../src/emulators/legacy-server.ts';
import type { LegacyServer } from '../../src/settings/legacy-server.ts';
import { type LegacyServerInput, insertLegacyServer, updateLegacyServer } from '../../src/records/legacy-servers.ts';
import { insertVehicle } from '../../src/records/vehicles.ts';
import type { FleetSyncInput, FleetSyncResult } from '../../src/workflows/legacy-sync/messages.ts';
import { eventually } from './eventually.ts';
import {
  type CommandOutput,
  type FleetWorker,
  runCli,
  runCliOnTerminal,
  runProgram,
  startFleetWorker,
} from './fleet-worker.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type LegacyDatabase, type SharedStack, freshDatabase, legacyDatabase, sharedStack } from './stack.ts';
import { createNamespace } from './temporal-namespace.ts';

export const SERVER_ID = 'depot';
export const TABLE = 'gps';

export interface NewVehicles {
  rows: number;
  /** Bytes per row that compress badly. */
  padding?: number;
  priority?: number;
  /** The distance between two ids of a vehicle, as in a table that many vehicles share. By default its ids have no gaps. */
  idStep?: number;
}

export interface Run {
  runId: string;
  workflowId: string;
  result(): Promise<FleetSyncResult>;
}

/** Everything one test needs of its own: database, legacy schema, Temporal namespace, folders, worker processes. */
export interface Fleet {
  name: string;
  stack: SharedStack;
  pool: pg.Pool;
  client: Client;
  namespace: string;
  legacy: LegacyDatabase;
  server: LegacyServer;
  manager: WorkerPoolManager;
  progress: ProgressStore;
  /** Local folders of the workers, and the legacy host's dump directory. */
  stagingDir: string;
  remoteDir: string;
  logFile: string;
  /** The environment of the processes that a test starts. */
  environment: Record<string, string>;
  /** Adds vehicles with legacy rows, and returns the ids of the vehicles. */
  addVehicles(count: number, options: NewVehicles): Promise<string[]>;
  /** Adds new fixes of a vehicle after its last one. */
  addRows(vehicleId: string, rows: number, padding?: number): Promise<void>;
  countLegacyRows(vehicleId: string): Promise<number>;
  changeServer(change: Partial<LegacyServerInput>): Promise<void>;
  /** Sends all later connections to the legacy host through a proxy that can slow, silence or cut them. */
  linkToHost(): Promise<FaultProxy>;
  /** Changes settings by a plain UPDATE of system_settings, as an operator may. The keys have no prefix `legacy_sync.`. */
  set(settings: Record<string, string | number | boolean>): Promise<void>;
  startWorker(options?: { fault?: string; stagingDir?: string; env?: Record<string, string> }): Promise<FleetWorker>;
  /** The workers that were started and have not ended yet. */
  workers(): FleetWorker[];
  start(input?: Partial<FleetSyncInput>): Promise<Run>;
  cli(...args: string[]): Promise<CommandOutput>;
  /** The same at a terminal, with these answers to what is asked. */
  cliOnTerminal(answers: string[], ...args: string[]): Promise<Pick<CommandOutput, 'status' | 'stdout'>>;
  temporal(...args: string[]): Promise<CommandOutput>;
  /** The stage of a vehicle in a run, by its row. */
  status(runId: string, vehicleId: string): Promise<string>;
  close(): Promise<void>;
}

const PRIVATE_PATHS = { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin' };

export async function openFleet({
  stack = sharedStack(),
  settings = {},
}: {
  stack?: SharedStack;
  settings?: Record<string, string | number | boolean>;
} = {}): Promise<Fleet> {
  const [database, legacy] = await Promise.all([
    freshDatabase(stack.postgres),
    legacyDatabase(stack.mariadb, stack.stateDir),
  ]);
  const name = legacy.name.replaceAll('_', '-');
  const { client, namespace, close: closeNamespace } = await createNamespace(stack.temporal.address, name);
  const folder = join(stack.stateDir, `fleet-${name}`);
  const stagingDir = join(folder, 'staging');
  mkdirSync(folder);
  await legacy.query(LEGACY_TABLE);
  const remoteDir = join(stack.ssh.dumpDirectory, name);
  const server = await insertLegacyServer(
    database.pool,
    stackLegacyServer(stack, {
      id: SERVER_ID,
      mysqlUser: legacy.user,
      mysqlPasswordRef: legacy.passwordRef,
      database: legacy.name,
      timeZone: 'Asia/Yakutsk',
      columns: { attributes: { note: 'note' } },
      remoteDirectory: remoteDir,
    }),
  );
  const redis = openRedis(stack.redis.url);
  const progress = createProgressStore(redis);
  const manager = new WorkerPoolManager({ temporal: client, postgres: database.pool, progress });
  const workers: FleetWorker[] = [];
  const proxies: FaultProxy[] = [];
  let vehicles = 0;

  const fleet: Fleet = {
    name,
    stack,
    client,
    namespace,
    legacy,
    server,
    manager,
    progress,
    stagingDir,
    remoteDir,
    pool: database.pool,
    logFile: join(folder, 'worker.log'),
    environment: {
      ...PRIVATE_PATHS,
      // A temporal.toml of the person who runs the tests must not be read.
      HOME: folder,
      FLEETGRAPH_POSTGRES_URL: database.url,
      FLEETGRAPH_REDIS_URL: stack.redis.url,
      FLEETGRAPH_STAGING_DIR: stagingDir,
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: namespace,
    },
    async addVehicles(count, { rows, padding = 0, priority = 0, idStep }) {
      const ids = Array.from({ length: count }, (_, index) => String(vehicles + index + 1));
      vehicles += count;
      const first = ids[0];
      const last = ids.at(-1);
      if (rows > 0) await legacy.query(insertRows(`seq_${first}_to_${last}`, 1, rows, padding, idStep));
      for (const id of ids) {
        const vehicle = { id, label: `bus-${id}`, serverId: SERVER_ID, table: TABLE, legacyVehicleId: id, priority };
        await insertVehicle(database.pool, vehicle, fleet.server);
      }
      return ids;
    },
    addRows: (vehicleId, rows, padding = 0) =>
      legacy.query(insertRows(`seq_${vehicleId}_to_${vehicleId}`, 1_000_001, 1_000_000 + rows, padding)),
    countLegacyRows: async (vehicleId) =>
      Number(
        await runMariadb(stack.mariadb, `SELECT COUNT(*) FROM ${TABLE} WHERE vehicle_id = ${vehicleId}`, legacy.name),
      ),
    async changeServer(change) {
      fleet.server = await updateLegacyServer(database.pool, { ...fleet.server, ...change });
    },
    async linkToHost() {
      const link = await startFaultProxy({ host: stack.ssh.host, port: stack.ssh.port });
      proxies.push(link);
      await fleet.changeServer({ port: link.port });
      return link;
    },
    set: (values) => setSettings(database.pool, values),
    async startWorker({ fault, stagingDir: staging, env = {} } = {}) {
      const worker = await startFleetWorker(
        {
          ...fleet.environment,
          ...(fault === undefined ? {} : { FLEETGRAPH_FAULT: fault }),
          ...(staging === undefined ? {} : { FLEETGRAPH_STAGING_DIR: staging }),
          ...env,
        },
        fleet.logFile,
      );
      workers.push(worker);
      return worker;
    },
    workers: () => workers.filter((worker) => worker.running()),
    start: (input = {}) => manager.start({ selection: { kind: 'all' }, requestedBy: 'test', ...input }),
    cli: (...args) => runCli(fleet.environment, args),
    cliOnTerminal: (answers, ...args) => runCliOnTerminal(fleet.environment, args, answers),
    temporal: (...args) => runProgram(stack.temporal.binary, args, fleet.environment),
    async status(runId, vehicleId) {
      const { rows } = await database.pool.query<{ status: string }>(
        'SELECT status FROM vehicle_syncs WHERE run_id = $1 AND vehicle_id = $2',
        [runId, vehicleId],
      );
      return rows[0]?.status ?? 'unplanned';
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.kill()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
      redis.disconnect();
      await closeNamespace();
      await database.drop();
      await legacy.drop();
      rmSync(folder, { recursive: true, force: true });
      rmSync(remoteDir, { recursive: true, force: true });
    },
  };
  // A server that is away stays away here; planning's own tests have the patience.
  await fleet.set({ 'export.plan_patience_ms': 500, ...settings });
  return fleet;
}

/** How many tests of a file run at once. On two cores more worker processes would only wait for each other. */
const FLEETS_AT_ONCE = 3;
const place = pLimit(FLEETS_AT_ONCE);

/** Opens a fleet for one test, and closes it with its workers and links whether or not the test failed. */
export const withFleet = (
  options: Parameters<typeof openFleet>[0],
  work: (fleet: Fleet) => Promise<void>,
): Promise<void> =>
  place(async () => {
    const fleet = await openFleet(options);
    try {
      await work(fleet);
    } finally {
      await fleet.close();
    }
  });

async function setSettings(pool: pg.Pool, values: Record<string, string | number | boolean>): Promise<void> {
  for (const [key, value] of Object.entries(values)) {
    const { rowCount } = await pool.query('UPDATE system_settings SET value = $2 WHERE key = $1', [
      `legacy_sync.${key}`,
      String(value),
    ]);
    if (rowCount !== 1) throw new Error(`There is no setting legacy_sync.${key}.`);
  }
}

const LEGACY_TABLE = `CREATE TABLE ${TABLE} (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, vehicle_id int NOT NULL, device_time datetime NOT NULL,
  latitude double, longitude double, speed double, note varchar(2000), KEY vehicle_then_id (vehicle_id, id))`;

function insertRows(vehicles: string, from: number, to: number, padding: number, idStep?: number): string {
  const id = idStep === undefined ? 'NULL' : `s.seq * ${idStep} + v.seq`;
  return `INSERT INTO ${TABLE} (id, vehicle_id, device_time, latitude, longitude, speed, note)
    SELECT ${id}, v.seq, TIMESTAMPADD(SECOND, 15 * s.seq, '2025-01-01 00:00:00'), 62.03 + 0.05 * SIN(s.seq / 97 + v.seq),
           129.73 + 0.05 * COS(s.seq / 61 + v.seq), 20 + 20 * SIN(s.seq / 13),
           LEFT(CONCAT(${Array.from({ length: Math.ceil(padding / 64) + 1 }, (_, n) => `SHA2(CONCAT(v.seq, '-', s.seq, '-${n}'), 256)`).join(', ')}), ${padding})
      FROM ${vehicles} AS v CROSS JOIN seq_${from}_to_${to} AS s ORDER BY v.seq, s.seq;`;
}

/** Waits until the run is planned and a vehicle of it (any, if none is named) is in this stage. */
export async function untilStage(fleet: Fleet, runId: string, stage: string, vehicleId?: string): Promise<void> {
  await eventually(async () => {
    const { rows } = await fleet.pool.query<{ status: string; why: string }>(
      `SELECT status, concat_ws(' ', status, failure_code, failure_message) AS why
       FROM vehicle_syncs WHERE run_id = $1 AND ($2::bigint IS NULL OR vehicle_id = $2)`,
      [runId, vehicleId ?? null],
    );
    if (rows.some(({ status }) => status === stage)) return;
    const found = rows.map(({ why }) => why).join(', ');
    throw new Error(`No vehicle is ${stage}: ${found || 'none is planned'}.`);
  });
}
