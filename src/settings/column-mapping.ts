import { z } from 'zod';
import { identifierSchema, VEHICLE_KEY } from './mysql-identifier.ts';
import { patternProblem } from './time-pattern.ts';
import { ALTITUDE_UNITS, SPEED_UNITS } from './units.ts';

/** A column whose values are numbers as they stand, or its name with what they mean. */
const numberForm = {
  column: identifierSchema,
  /** A stored 1 stands for so much: 1e-7 for degrees that were kept as integers. */
  factor: z.number().positive().default(1),
  /** Texts such as `62,0339`. */
  decimalComma: z.boolean().default(false),
};
const numberSchema = z.strictObject(numberForm);
const speedSchema = z.strictObject({ ...numberForm, unit: z.enum(keysOf(SPEED_UNITS)).default('kmh') });
const altitudeSchema = z.strictObject({ ...numberForm, unit: z.enum(keysOf(ALTITUDE_UNITS)).default('m') });

const coordinateSchema = z
  .strictObject({
    ...numberForm,
    /** `nmea`: ddmm.mmmm, degrees and minutes in one number; `point-x` and `point-y`: half of a POINT column. */
    format: z.enum(['degrees', 'nmea', 'point-x', 'point-y']).default('degrees'),
    /** A column that says N or S, E or W. Without one the letter may stand in the value itself. */
    hemisphere: identifierSchema.optional(),
  })
  .refine(({ format, factor }) => factor === 1 || format === 'degrees', {
    path: ['factor'],
    message: 'goes with format "degrees" only',
  })
  .refine(({ format, hemisphere, decimalComma }) => !format.startsWith('point') || !(hemisphere || decimalComma), {
    path: ['format'],
    message: 'a POINT holds numbers with their sign: leave hemisphere and decimalComma out',
  });

/** What the bytes of a text column really are whose label says latin1. */
const HIDDEN_ENCODINGS = ['utf8', 'cp1251', 'cp1250', 'koi8-r'] as const;
export type HiddenEncoding = (typeof HIDDEN_ENCODINGS)[number];
const attributeSchema = z.strictObject({ column: identifierSchema, latin1Holds: z.enum(HIDDEN_ENCODINGS).optional() });

/** Formats that have a name; any other is a pattern. */
export const TIME_FORMATS = ['unix-seconds', 'unix-milliseconds', 'iso-8601'] as const;
const patternSchema = z.string().superRefine((pattern, context) => {
  const problem = patternProblem(pattern);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});
const formattedTimeSchema = z.strictObject({
  column: identifierSchema,
  /** One of TIME_FORMATS, or a pattern such as `DD.MM.YYYY HH:mm:ss`. */
  format: z.string().superRefine((format, context) => {
    const problem = (TIME_FORMATS as readonly string[]).includes(format) ? null : patternProblem(format);
    if (problem === null) return;
    context.addIssue({ code: 'custom', message: `is neither ${TIME_FORMATS.join(', ')} nor a pattern: ${problem}` });
  }),
});
const splitTimeSchema = z.strictObject({
  date: identifierSchema,
  clock: identifierSchema,
  /** Of `date`, a blank and `clock`, where they are texts that MySQL would not write. */
  format: patternSchema.optional(),
});

/**
 * For tables without an increasing integer: rows are followed by a time and told apart by these columns, the primary key's as a rule. Their id is made
 * of both: the seconds of the time above, a digest of the columns below.
 */
const timeKeySchema = z.strictObject({
  time: identifierSchema,
  format: z.enum(['datetime', 'unix-seconds']).default('datetime'),
  columns: z.array(identifierSchema).min(1).max(64),
});
export type TimeKey = z.infer<typeof timeKeySchema>;

/** The name under which an export has the id of a row that no column holds. */
export const ROW_KEY = '#key';

/**
 * Which legacy column feeds which column of `positions`, by its name alone where it holds what `positions` keeps, else with what its
 * values mean. `id` is the key that the watermark follows; `vehicle` is absent where every vehicle has a table of its own.
 * Columns under `attributes` land, by that name, in the jsonb column `attributes`; columns of the table that are named nowhere are
 * not carried over.
 */
export const columnMappingSchema = z.strictObject({
  id: nameOr(timeKeySchema, { time: 'dt_tracker', columns: ['dt_tracker', 'lat', 'lng'] }),
  vehicle: identifierSchema.optional(),
  /** Values that rows must have in other columns, such as the account whose devices these are. */
  scope: z.record(identifierSchema, z.string().regex(VEHICLE_KEY)).optional(),
  time: timeOf('fixtime'),
  latitude: nameOr(coordinateSchema, { column: 'lat', format: 'nmea' }),
  longitude: nameOr(coordinateSchema, { column: 'lon', format: 'nmea' }),
  speedKmh: nameOr(speedSchema, { column: 'speed', unit: 'knots' }).optional(),
  headingDeg: nameOr(numberSchema, { column: 'course', decimalComma: true }).optional(),
  altitudeM: nameOr(altitudeSchema, { column: 'altitude', unit: 'ft' }).optional(),
  receivedAt: timeOf('servertime').optional(),
  attributes: z
    .record(z.string().min(1), nameOr(attributeSchema, { column: 'driver', latin1Holds: 'cp1251' }))
    .default({}),
});
export type ColumnMapping = z.infer<typeof columnMappingSchema>;
export type NumberSource = string | z.infer<typeof numberSchema>;
export type CoordinateSource = string | z.infer<typeof coordinateSchema>;
export type TimeSource = ColumnMapping['time'];

/** The column by which new rows are found: an index has to lead to it. */
export const keyColumn = ({ id }: Pick<ColumnMapping, 'id'>): string => (typeof id === 'string' ? id : id.time);

/** A field of the mapping and a legacy column it reads. */
export interface MappedColumn {
  field: string;
  column: string;
}

/** Every legacy column that a mapping reads, in the mapping's order; one that is read twice is there twice. */
export function mappedColumns({
  attributes,
  scope,
  ...fields
}: Partial<ColumnMapping> & Pick<ColumnMapping, 'attributes'>): MappedColumn[] {
  const own = Object.entries(fields).flatMap(([field, source]) =>
    source === undefined ? [] : columnsOf(source).map((column) => ({ field, column })),
  );
  const extra = Object.entries(attributes).flatMap(([name, source]) =>
    columnsOf(source).map((column) => ({ field: `attributes.${name}`, column })),
  );
  const within = Object.keys(scope ?? {}).map((column) => ({ field: `scope.${column}`, column }));
  return [...own, ...within, ...extra];
}

/** The columns that a time is read from: one, or a date's and a clock's. */
export const timeColumnsOf = (source: TimeSource): string[] => columnsOf(source);

type Columned = Partial<Record<'column' | 'hemisphere' | 'date' | 'clock' | 'time', string | undefined>>;

function columnsOf(source: string | (Columned & { columns?: string[] })) {
  if (typeof source === 'string') return [source];
  return [source.time, ...(source.columns ?? []), source.column, source.hemisphere, source.date, source.clock].filter(
    (column) => column !== undefined,
  );
}

/** A name, or an object; what is wrong with an object is said of the object, not of both. */
function nameOr<T extends z.ZodType>(schema: T, example: object) {
  return z.union([identifierSchema, schema], { error: (issue) => saidOf(issue.input, [schema], example) });
}

function timeOf(column: string) {
  return z.union([identifierSchema, formattedTimeSchema, splitTimeSchema], {
    error: ({ input }) => {
      const split = typeof input === 'object' && input !== null && ('date' in input || 'clock' in input);
      return saidOf(input, [split ? splitTimeSchema : formattedTimeSchema], { column, format: 'unix-seconds' });
    },
  });
}

function saidOf(input: unknown, [schema]: [z.ZodType], example: object): string {
  const checked = typeof input === 'object' ? schema.safeParse(input) : identifierSchema.safeParse(input);
  const found = checked.error?.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(' '));
  return `${found?.join('; ') ?? 'is not understood'} (a column's name, or as ${JSON.stringify(example)})`;
}

function keysOf<T extends object>(units: T): [keyof T & string, ...(keyof T & string)[]] {
  return Object.keys(units) as [keyof T & string, ...(keyof T & string)[]];
}
