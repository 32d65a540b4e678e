import type pg from 'pg';
import type { DataProcessed } from '../../../workflows/transport-graph/messages.ts';
import type { NetworkSet } from './network-set.ts';
import { type CopyValue, stageRows } from './stage-rows.ts';

/** One table of the network: its columns after `id`, and which of its rows come from the source. */
export interface MergeTarget {
  table: 'stops' | 'routes' | 'flights';
  columns: readonly string[];
  /** An SQL condition over the table `t` that is true for the rows that come from the source. */
  ownRows: string;
}

export interface SetToMerge<T extends { id: string }> {
  /** Every row of the source. */
  set: NetworkSet<T>;
  values: (row: T) => CopyValue[];
}

interface Into {
  datasetVersion: string;
  batchSize: number;
}

/**
 * Makes the table equal to the rows. An empty table takes them as they come. Else those that may differ go to a staging table, one MERGE takes
 * what is new or differs, and what the source no longer has is removed. Equal rows are not touched and keep the dataset version that last
 * changed them.
 */
export async function mergeSet<T extends { id: string }>(
  client: pg.PoolClient,
  target: MergeTarget,
  { set, values }: SetToMerge<T>,
  into: Into,
): Promise<DataProcessed> {
  const present = await countOwnRows(client, target);
  if (present === 0) return fill(client, target, { set, values }, into);
  // The tables are not what they were when the digests were made: somebody has changed them by hand.
  const changed = present === set.rowsBefore ? set.changed : null;
  const { added, updated } =
    changed?.length === 0
      ? { added: 0, updated: 0 }
      : await merge(client, target, texts(changed ?? set.all(), values), into);
  // Nothing was removed when the present rows and the new ones are all there are.
  const complete = present + added === set.rows;
  const deleted = complete
    ? 0
    : await removeOthers(client, target, { rows: set.all(), areStaged: changed === null, batchSize: into.batchSize });
  return { added, updated, deleted };
}

async function countOwnRows(client: pg.PoolClient, { table, ownRows }: MergeTarget): Promise<number> {
  const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table} t WHERE ${ownRows}`);
  return rows[0]!.n;
}

async function fill<T extends { id: string }>(
  client: pg.PoolClient,
  { table, columns }: MergeTarget,
  { set, values }: SetToMerge<T>,
  { datasetVersion, batchSize }: Into,
): Promise<DataProcessed> {
  const all = ['id', ...columns, 'dataset_version'].join(', ');
  await stageRows(client, `${table} (${all})`, texts(set.all(), values, datasetVersion), batchSize);
  return { added: set.rows, updated: 0, deleted: 0 };
}

async function merge(
  client: pg.PoolClient,
  { table, columns }: MergeTarget,
  rows: Iterable<CopyValue[]>,
  { datasetVersion, batchSize }: Into,
): Promise<{ added: number; updated: number }> {
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
  const added = counted.rows[0]?.added ?? 0;
  return { added, updated: (merged.rowCount ?? 0) - added };
}

interface PresentRows<T> {
  rows: T[];
  /** The staging table has all of them; else their ids are sent for this. */
  areStaged: boolean;
  batchSize: number;
}

/** Removes what the source no longer has. */
async function removeOthers<T extends { id: string }>(
  client: pg.PoolClient,
  { table, ownRows }: MergeTarget,
  { rows, areStaged, batchSize }: PresentRows<T>,
): Promise<number> {
  const kept = areStaged ? `staged_${table}` : `kept_${table}`;
  if (!areStaged) {
    await client.query(`CREATE TEMP TABLE ${kept} (id text) ON COMMIT DROP`);
    await stageRows(
      client,
      kept,
      texts(rows, ({ id }) => [id]),
      batchSize,
    );
    await client.query(`ANALYZE ${kept}`);
  }
  const { rowCount } = await client.query(
    `DELETE FROM ${table} t WHERE (${ownRows}) AND NOT EXISTS (SELECT FROM ${kept} k WHERE k.id = t.id)`,
  );
  return rowCount ?? 0;
}

function* texts<T>(rows: T[], values: (row: T) => CopyValue[], last?: string): Generator<CopyValue[]> {
  for (const row of rows) yield last === undefined ? values(row) : [...values(row), last];
}
