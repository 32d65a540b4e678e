import type pg from 'pg';
import type { ObjectStore } from '../../../connections/object-store.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { StageLog } from '../stage-log.ts';

export interface BackupDependencies {
  pool: pg.Pool;
  settings: { read(): Promise<TransportGraphSettings> };
  /** `openBackupStore`, but for tests. */
  openBackupStore: (settings: TransportGraphSettings) => Promise<ObjectStore>;
  log: StageLog;
}

export interface SweptBackups {
  done: number;
  failed: number;
}

/**
 * Uploads the backups of datasets that wait for it: one right after its sync, and all that are left every `backup.sweep_ms`. What fails
 * is a warning and stays recorded in `datasets`; it never throws but for PostgreSQL.
 */
export async function uploadBackups(deps: BackupDependencies, onlyVersion?: string): Promise<SweptBackups> {
  const { rows } = await deps.pool.query<{ version: string; key: string }>(
    `SELECT version::text, backup_key AS key FROM dataset_backups JOIN datasets ON version = dataset_version
     WHERE $1::bigint IS NULL OR version = $1 ORDER BY datasets.version`,
    [onlyVersion ?? null],
  );
  const swept = { done: 0, failed: 0 };
  for (const waiting of rows) {
    try {
      await upload(deps, waiting);
      swept.done++;
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error);
      deps.log.warn(`Backup failed, it is tried again later: ${found}`, { dataset: waiting.version });
      await deps.pool.query(`UPDATE datasets SET backup_status = 'failed', backup_error = $2 WHERE version = $1`, [
        waiting.version,
        found,
      ]);
      swept.failed++;
    }
  }
  return swept;
}

async function upload(
  { pool, settings, openBackupStore }: BackupDependencies,
  { version, key }: { version: string; key: string },
): Promise<void> {
  const store = await openBackupStore(await settings.read());
  try {
    const { rows } = await pool.query<{ body: Buffer }>('SELECT body FROM dataset_backups WHERE dataset_version = $1', [
      version,
    ]);
    // Another worker's sweep was here.
    if (!rows[0]) return;
    await store.putOnce(key, rows[0].body, 'application/gzip');
  } finally {
    store.close();
  }
  await inTransaction(pool, async (client) => {
    await client.query(`UPDATE datasets SET backup_status = 'done', backup_error = NULL WHERE version = $1`, [version]);
    await client.query('DELETE FROM dataset_backups WHERE dataset_version = $1', [version]);
  });
}
