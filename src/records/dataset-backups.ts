import type pg from 'pg';
import type { Queryable } from '../connections/postgres.ts';

/** A backup whose body stays in `dataset_backups` until the object store has it. */
export interface WaitingBackup {
  version: string;
  key: string;
}

/** Call it in the transaction that adds the dataset. */
export async function insertBackup(client: pg.PoolClient, version: string, body: Buffer): Promise<void> {
  await client.query('INSERT INTO dataset_backups (dataset_version, body) VALUES ($1, $2)', [version, body]);
}

/** All waiting backups, the oldest first, or only that of this dataset. */
export async function waitingBackups(database: Queryable, version: string | null): Promise<WaitingBackup[]> {
  const { rows } = await database.query<WaitingBackup>(
    `SELECT version::text, backup_key AS key FROM dataset_backups JOIN datasets ON version = dataset_version
     WHERE $1::bigint IS NULL OR version = $1 ORDER BY datasets.version`,
    [version],
  );
  return rows;
}

/** null: the backup no longer waits, because another worker has uploaded it. */
export async function readBackup(database: Queryable, version: string): Promise<Buffer | null> {
  const { rows } = await database.query<{ body: Buffer }>(
    'SELECT body FROM dataset_backups WHERE dataset_version = $1',
    [version],
  );
  return rows[0]?.body ?? null;
}

/** Records that the object store has the backup, and removes the waiting body. Call it in a transaction. */
export async function recordUploaded(client: pg.PoolClient, version: string): Promise<void> {
  await client.query(`UPDATE datasets SET backup_status = 'done', backup_error = NULL WHERE version = $1`, [version]);
  await client.query('DELETE FROM dataset_backups WHERE dataset_version = $1', [version]);
}

export async function recordBackupFailure(database: Queryable, version: string, found: string): Promise<void> {
  await database.query(`UPDATE datasets SET backup_status = 'failed', backup_error = $2 WHERE version = $1`, [
    version,
    found,
  ]);
}
