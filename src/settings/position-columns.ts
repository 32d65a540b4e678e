import { ALTITUDE_UNITS, SPEED_UNITS } from './units.ts';

interface NumberField {
  column: string;
  /** What one of each unit is in that of the column; null: the column has no unit that could be another. */
  units: Readonly<Record<string, number>> | null;
}

/**
 * The measured numbers of a position that a legacy table may lack, by their names in a column mapping. One that is added here needs its column in
 * `migrations/`, its place in the schema of `column-mapping.ts` and the names it goes by in `legacy-inspection/column-guess.ts`; all else follows.
 */
export const NUMBER_FIELDS = {
  speedKmh: { column: 'speed_kmh', units: SPEED_UNITS },
  headingDeg: { column: 'heading_deg', units: null },
  altitudeM: { column: 'altitude_m', units: ALTITUDE_UNITS },
} as const satisfies Record<string, NumberField>;
export type NumberFieldName = keyof typeof NUMBER_FIELDS;

export const NUMBER_FIELD_NAMES = Object.keys(NUMBER_FIELDS) as NumberFieldName[];

/** The columns of `positions` that an import writes, in the order in which `row-converter.ts` puts them into a tuple. */
export const POSITION_COLUMNS = [
  'vehicle_id',
  'time',
  'legacy_id',
  'latitude',
  'longitude',
  ...Object.values(NUMBER_FIELDS).map(({ column }) => column),
  'received_at',
  'flags',
  'attributes',
];

/** The same, as SQL and COPY list them. */
export const TUPLE_COLUMNS = POSITION_COLUMNS.join(', ');
