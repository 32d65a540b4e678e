import {
  type ColumnMapping,
  type CoordinateSource,
  keyColumn,
  mappedColumns,
  type TimeKey,
} from '../settings/column-mapping.ts';
import { NUMBER_FIELD_NAMES } from '../settings/position-columns.ts';
import { IDENTIFIER, name as quote } from '../settings/mysql-identifier.ts';
import { guessColumn } from './column-guess.ts';
import { columnNamed, type DescribedColumn, type DescribedTable, indexLeads } from './described-table.ts';
import { type LegacySystem, type TableLayout, tableLayouts } from './table-layout.ts';

/** What is known of tables that look like positions before one row of them was read. */
export interface MappingProposal extends TableLayout {
  /** What could be told; `id` and others are missing where nothing was found for them. */
  columns: Partial<ColumnMapping> & Pick<ColumnMapping, 'attributes'>;
  /** What the mapping rests on that nobody said, and that a person has to tell. */
  unsure: string[];
  /** The same, where a sample of rows tells. */
  rowsTell: string[];
  /** What keeps these tables from being synced as they are, or will be felt. */
  hurts: string[];
}

const INTEGER = /^(tiny|small|medium|big)?int$/;
const TEXT = /char|text/;
const MOMENT = /^(timestamp|datetime)$/;
/** A column whose name we would not put into a statement is not read. */
const isUsable = (name: string): boolean => IDENTIFIER.test(name);

/** Every group of tables that looks like positions, known systems first, then by size. */
export function proposeMappings(tables: readonly DescribedTable[]): MappingProposal[] {
  const proposals = tableLayouts(tables, looksLikePositions).map(propose);
  const rank = ({ system, example }: MappingProposal): number =>
    (system === 'plain' ? 0 : 1e18) + (example.estimatedRows ?? 0);
  return proposals.sort((a, b) => rank(b) - rank(a));
}

function looksLikePositions(table: DescribedTable): boolean {
  const placed = (guessColumn(table, 'latitude') && guessColumn(table, 'longitude')) ?? pointOf(table);
  return placed !== undefined && (guessColumn(table, 'time') ?? guessColumn(table, 'date')) !== undefined;
}

const pointOf = (table: DescribedTable): DescribedColumn | undefined =>
  guessColumn(table, 'point', /^(point|geometry)$/);

function propose(layout: TableLayout): MappingProposal {
  const { example: table, system } = layout;
  const unsure: string[] = [];
  const rowsTell: string[] = [];
  const columns: MappingProposal['columns'] = { attributes: {} };
  const id = guessColumn(table, 'id', INTEGER);
  if (id !== undefined) columns.id = id.name;
  if (layout.layout !== 'per-vehicle') {
    const vehicle = guessColumn(table, 'vehicle');
    if (vehicle === undefined) unsure.push(`no column of ${table.name} says by its name whose a row is`);
    else columns.vehicle = vehicle.name;
  }
  proposeTime(table, columns, { unsure, rowsTell });
  proposePlace(table, columns, rowsTell);
  proposeMotion(table, system, columns, rowsTell);
  const made = id === undefined ? timeKeyOf(table, columns.time) : undefined;
  if (made !== undefined) columns.id = made;
  columns.attributes = carriedOver(table, columns);
  const strange = table.columns.filter(({ name }) => !isUsable(name)).map(({ name }) => name);
  if (strange.length > 0) unsure.push(`left out, because of what is in their names: ${strange.join(' ')}`);
  return { ...layout, columns, unsure, rowsTell, hurts: hurtsOf(layout, columns) };
}

function proposeTime(
  table: DescribedTable,
  columns: MappingProposal['columns'],
  { unsure, rowsTell }: Pick<MappingProposal, 'unsure' | 'rowsTell'>,
): void {
  const received = guessColumn(table, 'receivedAt', MOMENT);
  if (received !== undefined) columns.receivedAt = received.name;
  const moment = guessColumn(table, 'time', MOMENT);
  if (moment !== undefined) {
    columns.time = moment.name;
    if (moment.dataType === 'datetime')
      unsure.push(
        `${moment.name} is a DATETIME, which carries no zone: timeZone of the server has to be the one it was written in`,
      );
    return;
  }
  const [date, clock] = [guessColumn(table, 'date', /^date$/), guessColumn(table, 'clock', /^time$/)];
  if (date !== undefined && clock !== undefined) {
    columns.time = { date: date.name, clock: clock.name };
    return;
  }
  const number = guessColumn(table, 'time', /int|decimal|double/);
  if (number !== undefined) {
    const format = number.dataType === 'int' ? 'unix-seconds' : 'unix-milliseconds';
    columns.time = { column: number.name, format };
    if (number.dataType !== 'int')
      rowsTell.push(`${number.name} is taken for milliseconds since 1970; seconds would fit its type as well`);
    return;
  }
  const text = guessColumn(table, 'time', TEXT);
  if (text !== undefined) {
    columns.time = text.name;
    rowsTell.push(
      `${text.name} is a text: whether it holds "YYYY-MM-DD hh:mm:ss", an offset, a number or another pattern, its rows have to tell`,
    );
    return;
  }
  unsure.push(
    date === undefined
      ? `no column of ${table.name} is a time by its name`
      : `${date.name} is a DATE alone, which is no time of a fix`,
  );
}

const LONG = /text|blob|json|binary|geometry|point/;
const UNREADABLE = /blob|binary|geometry|point|linestring|polygon|geomcollection/;

/** Without an increasing integer, rows are followed by their time. They are told apart by the columns of a unique index, or else by all that they hold. */
function timeKeyOf(table: DescribedTable, source: ColumnMapping['time'] | undefined): TimeKey | undefined {
  const time =
    typeof source === 'string' ? source : source !== undefined && 'column' in source ? source.column : undefined;
  if (time === undefined) return undefined;
  const isMoment = MOMENT.test(columnNamed(table, time)?.dataType ?? '');
  if (!isMoment && (typeof source === 'string' || !(source && 'format' in source && source.format === 'unix-seconds')))
    return undefined;
  const unique = table.indexes.find((index) => index.unique && index.columns.every(isUsable))?.columns;
  const all = table.columns.filter(({ name, dataType }) => !LONG.test(dataType) && isUsable(name));
  const columns = unique ?? all.map(({ name }) => name);
  return { time, format: isMoment ? 'datetime' : 'unix-seconds', columns };
}

function proposePlace(table: DescribedTable, columns: MappingProposal['columns'], rowsTell: string[]): void {
  const [latitude, longitude] = [guessColumn(table, 'latitude'), guessColumn(table, 'longitude')];
  if (latitude === undefined || longitude === undefined) {
    const column = pointOf(table)!.name;
    const form = { column, factor: 1, decimalComma: false };
    columns.latitude = { ...form, format: 'point-y' };
    columns.longitude = { ...form, format: 'point-x' };
    rowsTell.push(
      `${column} is a POINT: y is taken for the latitude, and there are tables that have it the other way round`,
    );
    return;
  }
  columns.latitude = sided(latitude, guessColumn(table, 'latitudeSide', TEXT));
  columns.longitude = sided(longitude, guessColumn(table, 'longitudeSide', TEXT));
  for (const { name, dataType } of [latitude, longitude]) {
    if (INTEGER.test(dataType)) rowsTell.push(`${name} is an integer: how many degrees a 1 is, its rows have to tell`);
    if (TEXT.test(dataType))
      rowsTell.push(
        `${name} is a text: a decimal comma, ddmm.mmmm or a letter of the hemisphere, its rows have to tell`,
      );
  }
}

const sided = ({ name }: DescribedColumn, side: DescribedColumn | undefined): CoordinateSource =>
  side === undefined
    ? name
    : { column: name, hemisphere: side.name, factor: 1, decimalComma: false, format: 'degrees' };

/** Systems whose speeds are known by their sources. */
const SPEED_OF: Partial<Record<LegacySystem, 'knots' | 'kmh'>> = {
  traccar: 'knots',
  'traccar-3': 'knots',
  opengts: 'kmh',
  'gps-server': 'kmh',
};

function proposeMotion(
  table: DescribedTable,
  system: LegacySystem,
  columns: MappingProposal['columns'],
  rowsTell: string[],
): void {
  const speed = guessColumn(table, 'speedKmh');
  const unit = SPEED_OF[system];
  if (speed !== undefined) {
    columns.speedKmh = unit === 'knots' ? { column: speed.name, unit, factor: 1, decimalComma: false } : speed.name;
    if (unit === undefined && !/km?h/i.test(speed.name))
      rowsTell.push(`${speed.name} is taken for km/h; the ways between its fixes tell`);
  }
  for (const field of NUMBER_FIELD_NAMES) {
    const found = guessColumn(table, field);
    if (found !== undefined) columns[field] ??= found.name;
  }
}

/** What is mapped to nothing else is carried over under its own name. */
export function carriedOver(
  table: DescribedTable,
  columns: Omit<MappingProposal['columns'], 'attributes'>,
): Record<string, string> {
  const { id, ...others } = { ...columns, attributes: {} };
  // What a made id is made of is carried over as well.
  const read = typeof id === 'string' ? { ...others, id } : others;
  const used = new Set(mappedColumns(read).map(({ column }) => column.toLowerCase()));
  const carried = table.columns.filter(
    ({ name, dataType }) => !used.has(name.toLowerCase()) && !UNREADABLE.test(dataType) && isUsable(name),
  );
  return Object.fromEntries(carried.map(({ name }) => [name, name]));
}

function hurtsOf({ example: table, tables, system }: TableLayout, columns: MappingProposal['columns']): string[] {
  const hurts: string[] = [];
  const others = tables.length > 1 ? `, and so on each of the other ${tables.length - 1} tables` : '';
  const quoted = (...names: string[]): string => names.map(quote).join(', ');
  const what = table.isView
    ? 'a view'
    : /^mrg_myisam|federated$/i.test(table.engine ?? '')
      ? `a ${table.engine} table`
      : null;
  if (what !== null)
    hurts.push(
      `${table.name} is ${what}: mysqldump writes no row of it, so it is read by SELECT, and what a row costs is up to what is behind it`,
    );
  if (columns.id === undefined) {
    hurts.push(
      `${table.name} has no column that is an increasing integer by its name and type, and no time of its own that would do instead: what is new is told from what is not by one`,
    );
  } else if (!table.isView) {
    const key = keyColumn({ id: columns.id });
    const needed = columns.vehicle === undefined ? [key] : [columns.vehicle, key];
    const appended = table.engine === 'InnoDB' && indexLeads(table, key);
    const served =
      indexLeads(table, ...needed) ||
      (system === 'opengts' && indexLeads(table, 'accountID', ...needed)) ||
      (appended && columns.vehicle !== undefined && isWholeIndex(table, columns.vehicle));
    if (!served) {
      hurts.push(
        `no index leads to a vehicle's new rows: CREATE INDEX \`fleetgraph\` ON ${quoted(table.name)} (${quoted(...needed)})${others}`,
      );
    }
  }
  if (typeof columns.id === 'string' && what === null && !hasUnique(table, columns.id)) {
    const own = columns.vehicle === undefined ? [columns.id] : [columns.vehicle, columns.id];
    hurts.push(
      `no unique index of ${table.name} has ${columns.id}, so nothing keeps two rows from one ${columns.id}, and one of them from being dropped as a duplicate: CREATE UNIQUE INDEX \`fleetgraph_id\` ON ${quoted(table.name)} (${quoted(...own)})${others}`,
    );
  }
  if (typeof columns.id === 'object') {
    hurts.push(
      `${table.name} has no increasing integer: rows are followed by ${columns.id.time} and told apart by ${columns.id.columns.join(', ')}; a fix that comes later than legacy_sync.export.overlap_seconds is found by a full sync only`,
    );
  }
  if (table.engine === 'MyISAM')
    hurts.push(`${table.name} is MyISAM: a dump holds up its writers while it runs, and is no snapshot`);
  return hurts;
}

const hasUnique = ({ indexes }: DescribedTable, column: string): boolean =>
  indexes.some(({ unique, columns }) => unique && columns.some((each) => each.toLowerCase() === column.toLowerCase()));

/** InnoDB ends every secondary index with the primary key, so an index of the vehicle alone is one of both. */
const isWholeIndex = ({ indexes }: DescribedTable, column: string): boolean =>
  indexes.some(({ columns }) => columns.length === 1 && columns[0]!.toLowerCase() === column.toLowerCase());
