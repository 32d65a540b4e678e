import type pg from 'pg';
import type { ObjectStore } from '../../../connections/object-store.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import {
  type WaitingBackup,
  readBackup,
  recordBackupFailure,
  recordUploaded,
  waitingBackups,
} from '../../../records/dataset-backups.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { StageLog } from '../stage-log.ts';

export interface BackupDependencies {
  pool: pg.Pool;
  settings: { read(): Promise<TransportGraphSettings> };
  /** Tests replace it; otherwise it is the function of the same name. */
  openBackupStore: (settings: TransportGraphSettings) => Promise<ObjectStore>;
  log: StageLog;
}

export interface SweptBackups {
  done: number;
  failed: number;
}

/**
 * Uploads the waiting backups of datasets: one right after its sync, and all that are left every `backup.sweep_ms`. A failed upload is
 * logged as a warning and stays recorded in `datasets`; only a failure of PostgreSQL is thrown.
 */
export async function uploadBackups(deps: BackupDependencies, onlyVersion?: string): Promise<SweptBackups> {
  const swept = { done: 0, failed: 0 };
  for (const waiting of await waitingBackups(deps.pool, onlyVersion ?? null)) {
    try {
      await upload(deps, waiting);
      swept.done++;
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error);
      deps.log.warn(`Backup failed, it is tried again later: ${found}`, { dataset: waiting.version });
      await recordBackupFailure(deps.pool, waiting.version, found);
      swept.failed++;
    }
  }
  return swept;
}

async function upload(
  { pool, settings, openBackupStore }: BackupDependencies,
  { version, key }: WaitingBackup,
): Promise<void> {
  const store = await openBackupStore(await settings.read());
  try {
    const body = await readBackup(pool, version);
    // Another worker has uploaded it.
    if (body === null) return;
    await store.putOnce(key, body, 'application/gzip');
  } finally {
    store.close();
  }
  await inTransaction(pool, (client) => recordUploaded(client, version));
}
