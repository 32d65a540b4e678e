import type { ColumnMapping } from '../settings/column-mapping.ts';
import { SPEED_UNITS } from '../settings/units.ts';
import { clockShift } from './clock-shift.ts';
import { coordinateForm } from './coordinate-form.ts';
import { idGrowth, type IdentifiedRow } from './id-growth.ts';
import { median } from './quantiles.ts';
import { pairsOf, type SampledFix } from './sampled-fix.ts';
import { speedUnit } from './speed-unit.ts';

/** What a mapping may be wrong in. */
export type DoubtKind = 'speed' | 'place' | 'clock' | 'id';

/** A sentence: the rows contradict the mapping. null: they bear it out. undefined: they are too few, or too odd, to tell. */
export type MappingDoubts = Record<DoubtKind, string | null | undefined>;

/**
 * Compares what arrived with what a vehicle can do: reported speeds with the ways between the fixes, headings with where they lead, times with those of
 * receipt and with ids. `fixes` are as `positions` has them, speeds in km/h, in any order, of any number of vehicles.
 */
export function mappingDoubts(
  mapping: Pick<ColumnMapping, 'speedKmh'> & Partial<Pick<ColumnMapping, 'id'>>,
  fixes: readonly (SampledFix & IdentifiedRow)[],
): MappingDoubts {
  const [speed, place, clock] = [speedDoubt(mapping, fixes), placeDoubt(fixes), clockDoubt(fixes)];
  return { speed, place, clock, id: idDoubt(mapping, fixes) };
}

/** Ways that are further from the reported speeds than streets and receivers make them. */
const WRONG_BY = 2.5;
const FEWEST_LEGS_OF_NO_UNIT = 150;
/** Knots and mph are 15 % apart, and the straight line between two rare fixes is that much shorter than the street. */
const DENSE_SECONDS = 60;
const ALIKE: ReadonlySet<string> = new Set(['knots', 'mph']);

function speedDoubt({ speedKmh: source }: Pick<ColumnMapping, 'speedKmh'>, fixes: readonly SampledFix[]) {
  if (source === undefined) return undefined;
  const [column, mapped] = typeof source === 'string' ? [source, 'kmh' as const] : [source.column, source.unit];
  const stored = fixes.map((fix) => ({ ...fix, speed: fix.speed === null ? null : fix.speed / SPEED_UNITS[mapped] }));
  const { unit, kmhPerOne, legs } = speedUnit(stored);
  if (kmhPerOne === null) return undefined;
  const times = kmhPerOne / SPEED_UNITS[mapped];
  const said = `speed: ${column} is mapped as ${mapped}, and by ${legs} ways between fixes buses drove ${times.toFixed(2)} times as fast as arrived`;
  if (unit !== 'unsure' && unit !== mapped) {
    const rare = ALIKE.has(unit) && ALIKE.has(mapped) && !isDense(fixes);
    return rare ? undefined : `${said}: it is in ${unit}`;
  }
  if (unit === mapped) return null;
  if (legs >= FEWEST_LEGS_OF_NO_UNIT && (times > WRONG_BY || times < 1 / WRONG_BY))
    return `${said}, which is no unit's: look at the factors of ${column} and of the coordinates`;
  return undefined;
}

const isDense = (fixes: readonly SampledFix[]): boolean =>
  median(pairsOf(fixes).map(({ seconds }) => seconds)) <= DENSE_SECONDS;

function placeDoubt(fixes: readonly SampledFix[]) {
  const { swapped } = coordinateForm(fixes);
  if (swapped === null) return undefined;
  return swapped
    ? 'place: by their headings buses drive as if latitude and longitude were mapped the wrong way round (or the headings count from the east)'
    : null;
}

/** Trackers send what they kept in any order, and a whole day of it at once. Ids that follow no order at all stay far below this. */
const GROWS = 0.9;
const GROWS_NOT = 0.3;

function idDoubt({ id }: Partial<Pick<ColumnMapping, 'id'>>, fixes: readonly IdentifiedRow[]) {
  if (typeof id !== 'string') return undefined;
  const growth = idGrowth(fixes);
  if (growth === null) return undefined;
  if (isNoOrder(growth)) return `id: ${notGrowing(id, growth)}`;
  return growth >= GROWS ? null : undefined;
}

/** For people. */
export const notGrowing = (id: string, growth: number): string =>
  `${id} does not grow with the times of the rows (rank correlation ${growth.toFixed(2)}), and rows below the highest ${id} that has arrived are not read again: ` +
  'map as id a column that the server counts up, or {"time", "columns"}';

/** Whether ids of a sample are no order at all. */
export const isNoOrder = (growth: number | null): growth is number => growth !== null && growth < GROWS_NOT;

const AN_HOUR = 3_600;

/**
 * A fix cannot come before it was made. If all fixes come later by whole hours, that is another zone, too. If they come later by less, it may be how
 * they are sent.
 */
function clockDoubt(fixes: readonly SampledFix[]) {
  const { aheadSeconds, why } = clockShift(fixes);
  if (aheadSeconds === null) return undefined;
  const isZone = aheadSeconds > 0 || (aheadSeconds < 0 && aheadSeconds % AN_HOUR === 0);
  return isZone ? `clock: ${why}: the time zone of the server, or of one of both columns, is mapped wrongly` : null;
}
