import { keyColumn } from '../../../settings/column-mapping.ts';
import { Failure } from '../../../errors.ts';
import type { DescribedTable } from '../../../legacy-inspection/described-table.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import { name } from '../../../settings/mysql-identifier.ts';
import type { Statement } from '../legacy-host/plan-statements.ts';
import { ROW_SESSION } from '../legacy-host/select-rows.ts';
import { SMALL_TABLE_ROWS } from '../legacy-host/table-description.ts';
import { type Ask, explainQuery } from './query-cost.ts';

interface KeyRequest {
  server: LegacyServer;
  table: DescribedTable;
  column: string;
  /** An index leads to the column. */
  indexed: boolean;
  /** `account = 'demo' AND `; empty: all rows count. */
  within: string;
}

/** Steps in one session; a fleet has hundreds of vehicles. */
const STEPS = 200;
const sql = (text: string): Statement => ({ sql: text, about: {} });

/**
 * The different values of a column, by stepping from each to the next along its index: one look each, however many rows they have. DISTINCT
 * is left to the optimizer, which may well read the whole index. Errors: NoIndexOnVehicle, where only a scan would tell.
 */
export async function distinctKeys(ask: Ask, request: KeyRequest): Promise<string[]> {
  const { server, table, column } = request;
  if (!(await isStepped(ask, request))) {
    const small = table.estimatedRows !== null && table.estimatedRows <= SMALL_TABLE_ROWS;
    if (!small && !server.limits.allowTableScan) throw noIndex(request);
    const rows = await ask([
      session,
      sql(`SELECT DISTINCT ${name(column)} FROM ${name(table.name)} WHERE ${request.within}TRUE;`),
    ]);
    return rows.map(([key = '']) => key).filter((key) => key !== 'NULL');
  }
  const keys: string[] = [];
  for (let batch = await step(ask, request, null); batch.length > 0; batch = await step(ask, request, keys.at(-1)!)) {
    keys.push(...batch);
    if (batch.length < STEPS) break;
  }
  return keys;
}

const session = sql(`${ROW_SESSION};`);

async function isStepped(ask: Ask, { table, column, indexed }: KeyRequest): Promise<boolean> {
  if (!table.isView) return indexed;
  const key = name(column);
  const access = await explainQuery(
    ask,
    `SELECT ${key} FROM ${name(table.name)} WHERE ${key} > '0' ORDER BY ${key} LIMIT 1`,
  );
  return access !== null && (access.type === 'range' || access.rows <= SMALL_TABLE_ROWS);
}

/** Up to STEPS keys above this one. A hexadecimal literal is the key whatever it holds, and leaves the comparison to the column's collation. */
async function step(ask: Ask, { table, column, within }: KeyRequest, above: string | null): Promise<string[]> {
  const [key, from] = [name(column), name(table.name)];
  const next = (condition: string) =>
    `SET @v = (SELECT ${key} FROM ${from} WHERE ${within}${condition} ORDER BY ${key} LIMIT 1);`;
  const start = above === null ? `${key} IS NOT NULL` : `${key} > _utf8mb4 0x${Buffer.from(above).toString('hex')}`;
  const rows = await ask([
    session,
    sql(next(start)),
    sql("SELECT '#d', @v;"),
    ...Array.from({ length: STEPS - 1 }, () => [sql(next(`${key} > @v`)), sql("SELECT '#d', @v;")]).flat(),
  ]);
  return rows.map(([, found = 'NULL']) => found).filter((found) => found !== 'NULL');
}

function noIndex({ server, table, column }: KeyRequest): Failure {
  if (table.isView) {
    return new Failure(
      'NoIndexOnVehicle',
      `Looking for vehicles in ${server.id}.${server.database}.${table.name}: it is a view, and no EXPLAIN says that an index behind it leads to ${column}. GRANT SHOW VIEW on it, name the table behind it, or set limits.allowTableScan of ${server.id}.`,
    );
  }
  return new Failure(
    'NoIndexOnVehicle',
    `Looking for vehicles in ${server.id}.${server.database}.${table.name}: no index begins with ${column}, so the whole table would have to be read. CREATE INDEX \`fleetgraph\` ON ${name(table.name)} (${name(column)}, ${name(keyColumn(server.columns))}) there, or set limits.allowTableScan of ${server.id}.`,
  );
}
