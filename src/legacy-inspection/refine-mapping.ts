import type { CoordinateSource, NumberSource, TimeSource } from '../settings/column-mapping.ts';
import { NUMBER_FIELD_NAMES, NUMBER_FIELDS, type NumberFieldName } from '../settings/position-columns.ts';
import { guessColumn } from './column-guess.ts';
import { coordinateForm, type CoordinateFinding } from './coordinate-form.ts';
import { columnNamed } from './described-table.ts';
import { type NumberForm, numberForm, readNumber, type SampleRow } from './number-form.ts';
import { idGrowth, type IdentifiedRow } from './id-growth.ts';
import { isNoOrder, notGrowing } from './mapping-doubts.ts';
import { carriedOver, type MappingProposal } from './propose-mapping.ts';
import type { SampledFix } from './sampled-fix.ts';
import { speedUnit } from './speed-unit.ts';
import { secondsOf, timeForm } from './time-form.ts';
import type { SpeedUnit } from '../settings/units.ts';

/** The same mapping after its rows were asked. */
export interface RefinedMapping {
  columns: MappingProposal['columns'];
  /** What nobody can tell from the rows either. */
  unsure: string[];
  /** What the rows have told. */
  told: string[];
}

const TEXT = /char|text/;

/**
 * Decides what a mapping's columns hold by a sample of their rows: forms of times and numbers first, then by the ways between the fixes what a
 * coordinate and a speed are. Rows come in any order, of any number of vehicles.
 */
export function refineMapping(proposal: MappingProposal, rows: readonly SampleRow[]): RefinedMapping {
  const refined: RefinedMapping = { columns: { ...proposal.columns }, unsure: [...proposal.unsure], told: [] };
  if (rows.length === 0) {
    refined.unsure.push(...proposal.rowsTell, `${proposal.example.name} has no row that would tell`);
    return refined;
  }
  refineTimes(proposal, rows, refined);
  const forms = refineNumberForms(proposal, rows, refined);
  const fixes = fixesOf(refined.columns, rows);
  refinePlace(refined, forms, fixes);
  refineSpeed(proposal, refined, fixes);
  // A time may have turned out to be two columns, or a column to be no time.
  refined.columns.attributes = carriedOver(proposal.example, refined.columns);
  const { id } = refined.columns;
  if (typeof id === 'string') {
    const growth = idGrowth(fixes);
    if (isNoOrder(growth)) refined.unsure.push(notGrowing(id, growth));
  }
  return refined;
}

const valuesOf = (rows: readonly SampleRow[], column: string): string[] =>
  rows
    .map((row) => row.get(column.toLowerCase()) ?? '')
    .filter((value) => value.trim() !== '' && !/^0+([-:. 0]*)$/.test(value));

function refineTimes({ example: table }: MappingProposal, rows: readonly SampleRow[], refined: RefinedMapping): void {
  for (const field of ['time', 'receivedAt'] as const) {
    const source = refined.columns[field];
    const column =
      typeof source === 'string' ? source : source !== undefined && 'column' in source ? source.column : null;
    if (column === null) continue;
    const type = columnNamed(table, column)?.dataType ?? '';
    if (/^(timestamp|datetime)$/.test(type)) continue;
    const found = formOf(column, valuesOf(rows, column)) ?? splitForm(table, rows, column);
    if (found === null) {
      refined.unsure.push(
        `${column} holds ${shown(valuesOf(rows, column))}, which is no time of a form that we know: say its "format"`,
      );
      if (field === 'receivedAt') delete refined.columns.receivedAt;
      continue;
    }
    refined.columns[field] = found.source;
    if (found.others.length > 0) {
      refined.unsure.push(
        `${column} is read as ${found.form}; ${found.others.join(' or ')} would fit all ${rows.length} rows as well`,
      );
    } else if (found.form !== 'plain')
      refined.told.push(`${column} holds ${found.form}, such as ${shown(valuesOf(rows, column))}`);
  }
}

interface FoundTime {
  source: TimeSource;
  form: string;
  others: string[];
}

function formOf(column: string, values: readonly string[]): FoundTime | null {
  const form = timeForm(values);
  if (form === null) return null;
  const source = form.format === 'plain' ? column : { column, format: form.format };
  return { source, form: form.format, others: form.others };
}

/** Finds a time of day in one column whose day is in another, each as a text. */
function splitForm(table: MappingProposal['example'], rows: readonly SampleRow[], column: string): FoundTime | null {
  const [date, clock] = [guessColumn(table, 'date', TEXT)?.name, guessColumn(table, 'clock', TEXT)?.name ?? column];
  if (date === undefined || date === clock) return null;
  const values = rows.flatMap((row) => {
    const [day, time] = [row.get(date.toLowerCase()), row.get(clock.toLowerCase())];
    return day && time ? [`${day} ${time}`] : [];
  });
  const form = timeForm(values);
  if (form === null || /^(unix|iso)/.test(form.format)) return null;
  const source = form.format === 'plain' ? { date, clock } : { date, clock, format: form.format };
  return { source, form: form.format, others: form.others };
}

const COORDINATES = ['latitude', 'longitude'] as const;
type NumberForms = Partial<Record<(typeof COORDINATES)[number] | NumberFieldName, NumberForm>>;

const columnOf = (source: NumberSource | CoordinateSource): string =>
  typeof source === 'string' ? source : source.column;

/** A decimal comma, and fields whose texts are no numbers: those are left out. */
function refineNumberForms(
  { example }: MappingProposal,
  rows: readonly SampleRow[],
  refined: RefinedMapping,
): NumberForms {
  const forms: NumberForms = {};
  for (const field of [...COORDINATES, ...NUMBER_FIELD_NAMES]) {
    const source = refined.columns[field];
    if (source === undefined || !TEXT.test(columnNamed(example, columnOf(source))?.dataType ?? '')) continue;
    const values = valuesOf(rows, columnOf(source));
    const form = numberForm(values);
    forms[field] = form;
    const odd = values.find((value) => Number.isNaN(readNumber(value)));
    if (odd !== undefined) refined.unsure.push(`${columnOf(source)} holds ${JSON.stringify(odd)}, which is no number`);
    if (form.decimalComma) {
      refined.told.push(`${columnOf(source)} has a decimal comma`);
      if (field !== 'latitude' && field !== 'longitude') readDecimalComma(refined.columns, field);
    }
  }
  return forms;
}

function readDecimalComma(columns: RefinedMapping['columns'], field: NumberFieldName): void {
  const source = columns[field]!;
  const units = NUMBER_FIELDS[field].units;
  // The first unit of a field is that of its column.
  const form = typeof source === 'string' ? { column: source, ...(units && { unit: Object.keys(units)[0] }) } : source;
  Object.assign(columns, { [field]: { ...form, factor: 1, decimalComma: true } });
}

/** Numbers as they stand, with no meaning given to them yet. */
function fixesOf(columns: RefinedMapping['columns'], rows: readonly SampleRow[]): (SampledFix & IdentifiedRow)[] {
  const cell = (row: SampleRow, column: string | undefined): string | null =>
    column === undefined ? null : (row.get(column.toLowerCase()) ?? null);
  const number = (row: SampleRow, source: NumberSource | CoordinateSource | undefined): number => {
    if (source === undefined) return Number.NaN;
    const half =
      typeof source !== 'string' && 'format' in source ? /^point-(x|y)$/.exec(source.format)?.[1] : undefined;
    const size = readNumber(cell(row, columnOf(source)), half as 'x' | 'y' | undefined);
    const side = typeof source !== 'string' && 'hemisphere' in source ? cell(row, source.hemisphere) : null;
    return side !== null && /^[SW]/i.test(side.trim()) ? -size : size;
  };
  return rows.flatMap((row) => {
    const seconds = roughTime(columns.time, (column) => cell(row, column));
    const [latitude, longitude] = [number(row, columns.latitude), number(row, columns.longitude)];
    if ([seconds, latitude, longitude].some(Number.isNaN)) return [];
    const [speed, heading] = [number(row, columns.speedKmh), number(row, columns.headingDeg)];
    return [
      {
        vehicle: cell(row, columns.vehicle) ?? '',
        seconds,
        latitude,
        longitude,
        speed: Number.isNaN(speed) ? null : speed,
        heading: Number.isNaN(heading) ? null : heading,
        receivedSeconds: null,
        id: typeof columns.id === 'string' ? Number(cell(row, columns.id) ?? Number.NaN) : null,
      },
    ];
  });
}

function roughTime(source: TimeSource | undefined, cell: (column: string) => string | null): number {
  if (source === undefined) return Number.NaN;
  if (typeof source === 'string') return secondsOf(cell(source) ?? '', 'plain');
  if ('column' in source) return secondsOf(cell(source.column) ?? '', source.format);
  return secondsOf(`${cell(source.date) ?? ''} ${cell(source.clock) ?? ''}`, source.format ?? 'plain');
}

function refinePlace(
  { columns, unsure, told }: RefinedMapping,
  forms: NumberForms,
  fixes: readonly SampledFix[],
): void {
  if (columns.latitude === undefined || columns.longitude === undefined) return;
  const { form, swapped, why } = coordinateForm(fixes);
  if (form.kind === 'unsure' || swapped === null || (form.kind === 'degrees' && form.others)) unsure.push(...why);
  else told.push(...why);
  columns.latitude = placed(columns.latitude, form, forms.latitude);
  columns.longitude = placed(columns.longitude, form, forms.longitude);
  if (swapped === true) [columns.latitude, columns.longitude] = [columns.longitude, columns.latitude];
  // Fixes are in degrees from here on, as the speeds' unit is told by metres.
  for (const fix of fixes) {
    const [latitude, longitude] = [inDegrees(fix.latitude, form), inDegrees(fix.longitude, form)];
    [fix.latitude, fix.longitude] = swapped === true ? [longitude, latitude] : [latitude, longitude];
  }
}

function placed(
  source: CoordinateSource,
  form: CoordinateFinding['form'],
  text: NumberForm | undefined,
): CoordinateSource {
  const known = typeof source === 'string' ? { column: source, format: 'degrees' as const } : source;
  if (known.format.startsWith('point')) return source;
  const factor = form.kind === 'degrees' ? form.factor : 1;
  const decimalComma = text?.decimalComma ?? false;
  const asItStands = factor === 1 && form.kind !== 'nmea' && !decimalComma && text?.lettered !== true;
  if (typeof source === 'string' && asItStands) return source;
  return { ...known, factor, decimalComma, format: form.kind === 'nmea' ? 'nmea' : 'degrees' };
}

function inDegrees(value: number, form: CoordinateFinding['form']): number {
  if (form.kind === 'degrees') return value * form.factor;
  if (form.kind === 'unsure') return value;
  return Math.sign(value) * (Math.floor(Math.abs(value) / 100) + (Math.abs(value) % 100) / 60);
}

function refineSpeed(
  proposal: MappingProposal,
  { columns, unsure, told }: RefinedMapping,
  fixes: readonly SampledFix[],
): void {
  const source = columns.speedKmh;
  if (source === undefined) return;
  const column = columnOf(source);
  const proposed = unitOf(source);
  const { unit, why } = speedUnit(fixes);
  if (unit === 'unsure') {
    const known = proposal.system !== 'plain' || /km?h/i.test(column);
    if (!known) unsure.push(`${column} is taken for ${proposed}: ${why}`);
  } else told.push(`${column} is in ${unit}: ${why}`);
  if (unit !== 'unsure' && unit !== proposed && proposal.system !== 'plain') {
    unsure.push(
      `${column} of this system is in ${proposed} as a rule, and here it is in ${unit} by the ways between the fixes`,
    );
  }
  const found = unit === 'unsure' ? proposed : unit;
  const decimalComma = typeof source !== 'string' && source.decimalComma;
  columns.speedKmh = found === 'kmh' && !decimalComma ? column : { column, unit: found, factor: 1, decimalComma };
}

const unitOf = (source: NumberSource | CoordinateSource): SpeedUnit =>
  typeof source === 'object' && 'unit' in source ? (source.unit as SpeedUnit) : 'kmh';

const shown = (values: readonly string[]): string => JSON.stringify(values[0] ?? '').slice(0, 60);
