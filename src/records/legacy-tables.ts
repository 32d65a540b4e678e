import type { Queryable } from '../connections/postgres.ts';
import type { DescribedColumn } from '../legacy-inspection/described-table.ts';

/** An element of `legacy_tables.columns`, in table order. */
export interface TableColumn extends DescribedColumn {
  nullable: boolean;
}

export interface LegacyTable {
  table: string;
  columns: TableColumn[];
  /** As information_schema has it; `-` for a view. */
  engine?: string;
}

/** What is known of a table whose id an index leads to. */
export interface TableSpan {
  minId: bigint;
  maxId: bigint;
  /** The legacy server's own guess; 0: none. */
  rows: number;
  /** Whether an index leads to the ids of one vehicle. */
  byVehicle: boolean;
  /** Whether an index says that no two rows of the table have the same id. */
  uniqueIds: boolean;
}

/** null: nobody has looked at the table yet. */
export async function readTableColumns(
  database: Queryable,
  serverId: string,
  table: string,
): Promise<TableColumn[] | null> {
  const { rows } = await database.query<{ columns: TableColumn[] }>(
    'SELECT columns FROM legacy_tables WHERE server_id = $1 AND table_name = $2',
    [serverId, table],
  );
  return rows[0]?.columns ?? null;
}

/** null: nobody has looked at the table yet. */
export async function readLegacyTable(
  database: Queryable,
  serverId: string,
  table: string,
): Promise<LegacyTable | null> {
  const { rows } = await database.query<{ columns: TableColumn[]; engine: string | null }>(
    'SELECT columns, engine FROM legacy_tables WHERE server_id = $1 AND table_name = $2',
    [serverId, table],
  );
  const [found] = rows;
  if (found === undefined) return null;
  return { table, columns: found.columns, ...(found.engine === null ? {} : { engine: found.engine }) };
}

/** Stores what these tables look like now. */
export async function writeTables(client: Queryable, serverId: string, tables: readonly LegacyTable[]): Promise<void> {
  await client.query(
    `INSERT INTO legacy_tables (server_id, table_name, columns, engine, read_at)
     SELECT $1, "table", columns, engine, now()
       FROM jsonb_to_recordset($2::jsonb) AS found("table" text, columns jsonb, engine text) ORDER BY "table"
     ON CONFLICT (server_id, table_name)
       DO UPDATE SET columns = EXCLUDED.columns, engine = EXCLUDED.engine, read_at = EXCLUDED.read_at`,
    [serverId, JSON.stringify(tables)],
  );
}
