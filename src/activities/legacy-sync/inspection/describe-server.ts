import type { DescribedTable } from '../../../legacy-inspection/described-table.ts';
import { IDENTIFIER, nameLiteral } from '../../../settings/mysql-identifier.ts';
import { type Statement } from '../legacy-host/plan-statements.ts';

/** What MySQL says of itself and of what our user may see. */
export interface DescribedServer {
  version: string;
  user: string;
  /** Seconds that its clock is ahead of UTC now. */
  clockAheadSeconds: number;
  /** Databases with their tables, system ones left out. */
  databases: Map<string, DescribedTable[]>;
  /** Tables whose names hold what we put into no statement. */
  unreadable: string[];
}

const SYSTEM_DATABASES = ['information_schema', 'performance_schema', 'mysql', 'sys'];

/** Reads names, types, indexes and the server's own estimates: nothing of it opens a table's rows. */
export function describeServerStatements(database: string | undefined): Statement[] {
  const within =
    database === undefined
      ? `table_schema NOT IN (${SYSTEM_DATABASES.map((each) => `'${each}'`).join(',')})`
      : `table_schema = ${nameLiteral(database)}`;
  return [
    "SELECT '#s', VERSION(), CURRENT_USER(), TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW());",
    `SELECT '#t', table_schema, table_name, IFNULL(engine, ''), table_type, IFNULL(table_rows, '') FROM information_schema.tables WHERE ${within};`,
    `SELECT '#c', table_schema, table_name, column_name, data_type, column_type FROM information_schema.columns WHERE ${within} ORDER BY table_schema, table_name, ordinal_position;`,
    `SELECT '#i', table_schema, table_name, index_name, non_unique, IFNULL(column_name, '') FROM information_schema.statistics WHERE ${within} ORDER BY table_schema, table_name, index_name, seq_in_index;`,
  ].map((sql) => ({ sql, about: {} }));
}

export function readDescribedServer(rows: string[][]): DescribedServer {
  const server: DescribedServer = { version: '', user: '', clockAheadSeconds: 0, databases: new Map(), unreadable: [] };
  const tables = new Map<string, DescribedTable>();
  for (const [tag, ...values] of rows) {
    const [database = '', table = '', one = '', two = '', three = ''] = values;
    if (tag === '#s') {
      [server.version, server.user] = [database, table];
      server.clockAheadSeconds = Number(one);
      continue;
    }
    const key = `${database}\0${table}`;
    if (tag === '#t') {
      if (![database, table].every((each) => IDENTIFIER.test(each))) {
        server.unreadable.push(`${database}.${table}`);
        continue;
      }
      const described = emptyTable(table, { engine: one, type: two, rows: three });
      tables.set(key, described);
      server.databases.set(database, [...(server.databases.get(database) ?? []), described]);
    } else if (tag === '#c')
      tables.get(key)?.columns.push({ name: one, dataType: two.toLowerCase(), columnType: three });
    else if (tag === '#i') addIndexColumn(tables.get(key), { index: one, unique: two === '0', column: three });
  }
  return server;
}

function emptyTable(name: string, { engine, type, rows }: Record<'engine' | 'type' | 'rows', string>): DescribedTable {
  const isView = /VIEW/i.test(type);
  const estimatedRows = rows === '' ? null : Number(rows);
  return { name, engine: engine === '' ? null : engine, isView, estimatedRows, columns: [], indexes: [] };
}

function addIndexColumn(
  table: DescribedTable | undefined,
  { index, unique, column }: { index: string; unique: boolean; column: string },
): void {
  const known = table?.indexes.find(({ name }) => name === index);
  if (known) known.columns.push(column);
  else table?.indexes.push({ name: index, unique, columns: [column] });
}
