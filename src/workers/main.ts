import { setFlagsFromString } from 'node:v8';
import type { Config } from '../config.ts';
import { type Logger, createLogger } from '../logger.ts';
import { describePositionsStore } from '../records/schema/migrations.ts';
import { refuseOldTimescale } from '../records/schema/timescaledb-version.ts';
import { onParentGone } from '../connections/parent-process.ts';
import { openPostgres } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import { installRuntime } from './runtime.ts';

/** A role's modules are loaded only by a process that has the role: they take ten megabytes. */
const START = {
  'legacy-sync': async (config: Config, logger: Logger) =>
    (await import('./legacy-sync-worker.ts')).startLegacySyncWorker(config, logger),
  'transport-graph': async (config: Config, logger: Logger) =>
    (await import('./transport-graph-worker.ts')).startTransportGraphWorker(config, logger),
};

/**
 * Limits the young generation of the isolates made after this, which run the workflows. They make little garbage, and V8 would let it grow
 * to three times 16 MB in each of them.
 */
const WORKFLOW_SEMI_SPACE_MB = 2;

/** Runs this process's workers until SIGTERM or SIGINT. Then it finishes what is nearly done, hands back the rest, and returns. */
export async function runWorkers(config: Config): Promise<void> {
  const logger = createLogger('fleetgraph-worker', config.logLevel);
  // Before the workers run there is no work to hand back.
  let stop = (_signal: string): void => process.exit(1);
  onParentGone(() => stop('disconnect'));
  setFlagsFromString(`--max-semi-space-size=${WORKFLOW_SEMI_SPACE_MB}`);
  installRuntime(config, logger);
  await checkDatabase(config, logger);
  const workers = await Promise.all(config.workerRoles.map((role) => START[role](config, logger)));
  stop = (signal: string): void => {
    logger.info({ signal }, 'stopping: what is under way is handed back and goes on elsewhere');
    for (const worker of workers) worker.stop();
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  logger.info({ roles: config.workerRoles }, 'the worker polls');
  process.send?.('polling');
  await Promise.all(workers.map(({ ended }) => ended));
  if (process.connected) process.disconnect();
}

/** Fails with one clear line when the database has no schema; otherwise each activity would fail. */
async function checkDatabase(config: Config, logger: Logger): Promise<void> {
  const pool = openPostgres(config.postgresUrl, {
    max: 1,
    applicationName: 'fleetgraph worker start',
    statementTimeoutMs: 10_000,
    queryTimeoutMs: 15_000,
  });
  try {
    const { rows } = await pool.query<{ migrated: boolean }>(
      `SELECT to_regclass('vehicle_syncs') IS NOT NULL AS migrated`,
    );
    if (!rows[0]?.migrated) {
      throw new Failure(
        'InvalidConfiguration',
        'Starting the worker: the database has no schema yet. Run `fleetgraph migrate` first.',
      );
    }
    await refuseOldTimescale(pool);
    const store = await describePositionsStore(pool);
    logger.info({ positions: store }, `positions are stored in ${store}`);
    if (config.production && store !== 'timescaledb') {
      throw new Failure(
        'InvalidConfiguration',
        'Starting the worker: FLEETGRAPH_ENV is production and positions is no hypertable. Install TimescaleDB before `fleetgraph migrate`, or set FLEETGRAPH_ENV=development.',
      );
    }
  } finally {
    await pool.end();
  }
}
