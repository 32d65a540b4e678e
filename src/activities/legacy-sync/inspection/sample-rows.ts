import { columnNamed, type DescribedTable } from '../../../legacy-inspection/described-table.ts';
import type { MappingProposal } from '../../../legacy-inspection/propose-mapping.ts';
import type { SampleRow } from '../../../legacy-inspection/number-form.ts';
import type { TableColumn } from '../../../records/legacy-tables.ts';
import { type Statement, vehicleLiteral } from '../legacy-host/plan-statements.ts';
import { ROW_SESSION, rowLiteral, selectable } from '../legacy-host/select-rows.ts';
import { VEHICLE_KEY, name } from '../../../settings/mysql-identifier.ts';
import { type Ask, isKnownCheap } from './query-cost.ts';
import { readTuple } from './read-tuple.ts';

/** Rows of one table: as a dump would write them, and their values by column. */
export interface TableSample {
  columns: TableColumn[];
  /** `1,'2025-06-01 12:00:00',62.0339`, without the brackets. */
  tuples: string[];
  rows: SampleRow[];
  /** Why no row was read; absent where some were. */
  unread?: string;
}

/** How many places of the table are looked at. At a single one, a night in which all buses stand might be all that is seen. */
const PLACES = 6;
const ROWS_PER_PLACE = 400;
/** Of this many vehicles successive rows are read, because a speed's unit is told by the ways between them. */
const VEHICLES = 8;
const ROWS_PER_VEHICLE = 400;
/** The first rows of a table without an index: reading them is no scan. */
const ROWS_WITHOUT_INDEX = 5_000;
const INTEGER = /int$/;

/** Reads some thousand rows along the table's indexes; never more than it asks for. */
export async function sampleRows(ask: Ask, proposal: MappingProposal): Promise<TableSample> {
  const { example: table, columns: mapping } = proposal;
  const columns = selectable(table.columns.map((column) => ({ ...column, nullable: true })));
  const select = `SELECT ${rowLiteral(columns)} FROM ${name(table.name)}`;
  const order = leadingColumn(table, [idColumn(mapping.id), timeColumn(mapping.time)]);
  const read = async (...queries: string[]): Promise<TableSample> =>
    tableSample(
      columns,
      (await ask([session, ...queries.map(statement)])).map(([tuple = '']) => tuple),
    );
  if (table.isView) {
    const query = await viewQuery(ask, select, idColumn(mapping.id) ?? timeColumn(mapping.time));
    return query === null ? { columns, tuples: [], rows: [], unread: unreadView(table.name) } : read(`${query};`);
  }
  const first =
    order === null
      ? await read(`${select} LIMIT ${ROWS_WITHOUT_INDEX};`)
      : await read(
          ...(await placesAlong(ask, table, order)).map(
            (from) => `${select} WHERE ${name(order)} >= ${from} ORDER BY ${name(order)} LIMIT ${ROWS_PER_PLACE};`,
          ),
        );
  const queries = vehicleQueries(proposal, first.rows, select);
  if (queries.length === 0) return first;
  const more = await read(...queries);
  return tableSample(columns, [...first.tuples, ...more.tuples]);
}

/** The query that reads rows of a view without reading all that lies behind it, as far as EXPLAIN tells; null: none is known. */
async function viewQuery(ask: Ask, select: string, along: string | undefined): Promise<string | null> {
  const queries = [
    `${select} LIMIT ${ROWS_WITHOUT_INDEX}`,
    ...(along === undefined ? [] : [`${select} ORDER BY ${name(along)} DESC LIMIT ${ROWS_WITHOUT_INDEX}`]),
  ];
  for (const query of queries) if (await isKnownCheap(ask, query)) return query;
  return null;
}

const unreadView = (view: string): string =>
  `no row of ${view} was read, so nothing below is told by rows: it is a view, and no EXPLAIN says that some rows of it can be read without all that lies behind it. ` +
  'GRANT SHOW VIEW on it, or name the table behind it by --table';

const statement = (sql: string): Statement => ({ sql, about: {} });
const session = statement(`${ROW_SESSION};`);

const idColumn = (id: MappingProposal['columns']['id']): string | undefined =>
  typeof id === 'string' ? id : undefined;

const timeColumn = (source: MappingProposal['columns']['time']): string | undefined =>
  typeof source === 'string' ? source : source !== undefined && 'column' in source ? source.column : undefined;

/** The first of these columns that an index begins with, and that can be counted along. */
function leadingColumn(table: DescribedTable, wanted: (string | undefined)[]): string | null {
  const found = wanted.find((column) => {
    if (column === undefined || !table.indexes.some(({ columns }) => isColumn(columns[0], column))) return false;
    const type = columnNamed(table, column)?.dataType ?? '';
    return INTEGER.test(type) || /^(datetime|timestamp)$/.test(type);
  });
  return found ?? null;
}

const isColumn = (one: string | undefined, other: string): boolean => one?.toLowerCase() === other.toLowerCase();

/** Literals of values that lie evenly between the column's lowest and highest, which its index gives. */
async function placesAlong(ask: Ask, table: DescribedTable, column: string): Promise<string[]> {
  const [key, from] = [name(column), name(table.name)];
  const [[lowest = '', highest = ''] = []] = await ask([
    session,
    statement(`SELECT IFNULL(MIN(${key}), ''), IFNULL(MAX(${key}), '') FROM ${from};`),
  ]);
  if (lowest === '') return [];
  const isNumber = INTEGER.test(columnNamed(table, column)?.dataType ?? '');
  if (isNumber) {
    const [low, high] = [BigInt(lowest), BigInt(highest)];
    return evenly((at) => String(low + ((high - low) * BigInt(at)) / BigInt(PLACES)));
  }
  const [low, high] = [lowest, highest].map((text) => Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`));
  // A zero date is no time.
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [`'${lowest}'`];
  const moment = (at: number) =>
    new Date(low! + ((high! - low!) * at) / PLACES).toISOString().slice(0, 19).replace('T', ' ');
  return evenly((at) => `'${moment(at)}'`);
}

const evenly = (literal: (at: number) => string): string[] => [
  ...new Set(Array.from({ length: PLACES }, (_, at) => literal(at))),
];

/** Where an index leads from a vehicle along its rows, the latest rows of some vehicles that the first look has shown. */
function vehicleQueries(
  { example: table, columns: mapping }: MappingProposal,
  seen: SampleRow[],
  select: string,
): string[] {
  const { vehicle } = mapping;
  if (vehicle === undefined) return [];
  const index = table.indexes.find(({ columns }) => isColumn(columns[0], vehicle) && columns[1] !== undefined);
  const appended = table.engine === 'InnoDB' && table.indexes.some(({ columns }) => isColumn(columns[0], vehicle));
  const along = index?.columns[1] ?? (appended ? idColumn(mapping.id) : undefined);
  if (along === undefined) return [];
  const keys = [...new Set(seen.map((row) => row.get(vehicle.toLowerCase()) ?? ''))].filter((key) =>
    VEHICLE_KEY.test(key),
  );
  return keys
    .slice(0, VEHICLES)
    .map(
      (key) =>
        `${select} WHERE ${name(vehicle)} = ${vehicleLiteral(key)} ORDER BY ${name(along)} DESC LIMIT ${ROWS_PER_VEHICLE};`,
    );
}

/** Places of a small table overlap: a row counts once. */
function tableSample(columns: TableColumn[], read: string[]): TableSample {
  const tuples = [...new Set(read)];
  const names = columns.map((column) => column.name.toLowerCase());
  const rows = tuples.map((tuple) => {
    const values = readTuple(tuple, names.length);
    return new Map(names.map((each, at) => [each, values[at] ?? null]));
  });
  return { columns, tuples, rows };
}
