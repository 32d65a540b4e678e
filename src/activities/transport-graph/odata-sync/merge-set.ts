import type pg from 'pg';
import type { DataProcessed } from '../../../workflows/transport-graph/messages.ts';
import { type CopyValue, stageRows } from './stage-rows.ts';

/** One table of the network: its columns after `id`, and which of its rows come from the source. */
export interface MergeTarget {
  table: 'stops' | 'routes' | 'flights';
  columns: readonly string[];
  /** SQL over the table; rows for which it is false are not the source's. */
  ownRows: string;
}

/**
 * Makes the table equal to `rows`: staging, one MERGE for what is new or differs, then what the source no longer has is deleted. Rows
 * that are the same are not touched, and keep the dataset version that last changed them.
 */
export async function mergeSet(
  client: pg.PoolClient,
  { table, columns, ownRows }: MergeTarget,
  rows: Iterable<CopyValue[]>,
  { datasetVersion, batchSize }: { datasetVersion: string; batchSize: number },
): Promise<DataProcessed> {
  const staged = `staged_${table}`;
  const all = ['id', ...columns];
  const of = (alias: string, names: readonly string[]) => names.map((name) => `${alias}.${name}`).join(', ');
  await client.query(
    `CREATE TEMP TABLE ${staged} ON COMMIT DROP AS SELECT ${all.join(', ')} FROM ${table} WITH NO DATA`,
  );
  await stageRows(client, staged, rows, batchSize);
  await client.query(`ANALYZE ${staged}`);
  // PostgreSQL before 17 does not say which rows of a MERGE were new.
  const counted = await client.query<{ added: number }>(
    `SELECT count(*)::int AS added FROM ${staged} s WHERE NOT EXISTS (SELECT FROM ${table} t WHERE t.id = s.id)`,
  );
  const merged = await client.query(
    `MERGE INTO ${table} t USING ${staged} s ON t.id = s.id
     WHEN MATCHED AND (${of('t', columns)}) IS DISTINCT FROM (${of('s', columns)})
       THEN UPDATE SET ${columns.map((name) => `${name} = s.${name}`).join(', ')}, dataset_version = $1::bigint
     WHEN NOT MATCHED
       THEN INSERT (${all.join(', ')}, dataset_version) VALUES (${of('s', all)}, $1::bigint)`,
    [datasetVersion],
  );
  const deleted = await client.query(
    `DELETE FROM ${table} t WHERE (${ownRows}) AND NOT EXISTS (SELECT FROM ${staged} s WHERE s.id = t.id)`,
  );
  const added = counted.rows[0]?.added ?? 0;
  return { added, updated: (merged.rowCount ?? 0) - added, deleted: deleted.rowCount ?? 0 };
}
