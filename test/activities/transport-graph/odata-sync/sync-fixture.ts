import {
  type SyncOdataDependencies,
  createSyncOdata,
} from '../../../../src/activities/transport-graph/odata-sync/sync-odata.ts';
import { openBackupStore } from '../../../../src/activities/transport-graph/backup-store.ts';
import { createStageLog } from '../../../../src/activities/transport-graph/stage-log.ts';
import { readTransportGraphSettings, writeSetting } from '../../../../src/records/settings.ts';
import type { StageOutcome } from '../../../../src/workflows/transport-graph/activities.ts';
import { ODATA_SYNC } from '../../../../src/workflows/transport-graph/messages.ts';
import { type EmulatedSource, startOdataSource } from '../../../../src/emulators/odata-source.ts';
import { type FreshDatabase, freshDatabase } from '../../../support/stack.ts';
import { type SourceNetwork, sourceNetwork } from '../../../support/source-network.ts';

export interface SyncFixture {
  database: FreshDatabase;
  source: EmulatedSource;
  /** The rows the source publishes; change them between two syncs. */
  network: SourceNetwork;
  lines: string[];
  deps: SyncOdataDependencies;
  set(key: string, value: string): Promise<void>;
  sync(options?: { force?: boolean; deps?: Partial<SyncOdataDependencies> }): Promise<StageOutcome>;
  /** The rows of a statement. */
  rows<T = Record<string, unknown>>(sql: string): Promise<T[]>;
  /** Empties database, source and log for the next test. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** A database and a source of the test's own, and the stage as a worker runs it but for Temporal. */
export async function openSyncFixture(): Promise<SyncFixture> {
  const database = await freshDatabase();
  const network = sourceNetwork();
  const source = await startOdataSource({});
  const lines: string[] = [];
  const set = (key: string, value: string) =>
    writeSetting(database.pool, `transport_graph.${key}`, value, { actor: 'test' });
  const deps: SyncOdataDependencies = {
    pool: database.pool,
    settings: { read: () => readTransportGraphSettings(database.pool) },
    openBackupStore,
    log: createStageLog(ODATA_SYNC, { write: (line) => lines.push(line) }),
    heartbeat: () => {},
    timeLeftMs: () => 600_000,
    cancellationSignal: () => new AbortController().signal,
  };
  return {
    database,
    source,
    network,
    lines,
    deps,
    set,
    sync: ({ force = false, deps: other = {} } = {}) => {
      Object.assign(source.sets, network);
      const work = { workerId: ODATA_SYNC, workflowRunId: '3f1c2f6e-0000-4000-8000-000000000000', force };
      return createSyncOdata({ ...deps, ...other })(work);
    },
    rows: async (sql) => (await database.pool.query(sql)).rows,
    reset: async () => {
      await database.pool.query(
        `TRUNCATE datasets, dataset_backups, stops, routes, flights, graphs, stage_runs, audit_log RESTART IDENTITY;
         DELETE FROM system_settings WHERE key LIKE 'transport_graph.%'`,
      );
      await set('odata.url', source.url);
      await set('odata.retry_initial_ms', '5');
      Object.assign(network, sourceNetwork());
      Object.assign(source, { sets: {}, seen: [], login: null, fault: null, onPage: null });
      lines.length = 0;
    },
    close: async () => {
      await source.close();
      await database.drop();
    },
  };
}
