import { median, quantile } from './quantiles.ts';
import { speedUnit } from './speed-unit.ts';
import { bearing, pairsOf, type SampledFix } from './sampled-fix.ts';

export interface CoordinateFinding {
  /** Degrees that a stored 1 stands for, with others that fit as well; `nmea` for ddmm.mmmm. */
  form: { kind: 'degrees'; factor: number; others?: number[] } | { kind: 'nmea' } | { kind: 'unsure' };
  /** What is called latitude is the longitude. null: nothing tells. */
  swapped: boolean | null;
  why: string[];
}

/** Degrees that a stored integer may stand for: powers of ten, parts of minutes and seconds of arc, semicircles. */
const POWERS = [1e-5, 1e-6, 1e-7];
const FACTORS = [...POWERS, 1 / 60_000, 1 / 600_000, 1 / 3_600_000, 180 / 2 ** 31];
/** What the fast hours of a city's bus look like: 19 of 20 pairs are slower than that. */
const [SLOWEST, FASTEST] = [12, 130];

/** What the coordinates of a sample are, and whether they stand the right way round. */
export function coordinateForm(fixes: readonly SampledFix[]): CoordinateFinding {
  const placed = fixes.filter(({ latitude, longitude }) => latitude !== 0 || longitude !== 0);
  if (placed.length < 20)
    return { form: { kind: 'unsure' }, swapped: null, why: [`${placed.length} fixes are too few`] };
  const form = formOf(placed);
  if (form.kind === 'unsure') {
    return {
      form,
      swapped: null,
      why: ['the coordinates are no degrees, and no factor we know makes ways of a vehicle of them'],
    };
  }
  const degrees = placed.map((fix) => inDegrees(fix, form));
  const swapped = isSwapped(degrees);
  const why = [
    form.kind === 'nmea' ? 'no value has minutes above 59, and degrees end at 90 and 180: ddmm.mmmm' : '',
    form.kind === 'degrees' && form.factor !== 1
      ? `values go up to ${highest(placed)}; with ${form.factor} they are ways of a vehicle`
      : '',
    form.kind === 'degrees' && form.others
      ? `it could also be ${form.others.join(' or ')}, with speeds in another unit`
      : '',
    swapped === true ? 'what is called latitude is the longitude' : '',
    swapped === null
      ? 'nothing tells whether latitude and longitude stand the right way round: both are below 90, and no heading says where it went'
      : '',
  ].filter((text) => text !== '');
  return { form, swapped, why };
}

function formOf(fixes: SampledFix[]): CoordinateFinding['form'] {
  const most = highest(fixes);
  if (most <= 180) return { kind: 'degrees', factor: 1 };
  const isNmea = ({ latitude, longitude }: SampledFix) =>
    [latitude, longitude].every((value) => Math.abs(value) % 100 < 60);
  if (most <= 18_000 && fixes.some(({ latitude }) => latitude % 1 !== 0) && fixes.every(isNmea))
    return { kind: 'nmea' };
  return scaledForm(fixes, most);
}

/**
 * Finds the factor by the ways that it makes: they agree with the reported speeds in some unit, or else with how vehicles drive. Powers of ten come
 * first, because that is what people multiply with. Other factors that fit as well are returned, too.
 */
function scaledForm(fixes: SampledFix[], most: number): CoordinateFinding['form'] {
  const possible = FACTORS.filter((factor) => most * factor <= 180).map((factor) => ({
    factor,
    degrees: fixes.map((fix) => inDegrees(fix, { kind: 'degrees', factor })),
  }));
  const fits = fixes.some(({ speed }) => speed !== null)
    ? (degrees: SampledFix[]) => speedUnit(degrees).unit !== 'unsure'
    : isDriven;
  const fitting = possible.filter(({ degrees }) => fits(degrees)).map(({ factor }) => factor);
  const powers = fitting.filter((factor) => POWERS.includes(factor));
  const [factor, ...others] = [...powers, ...fitting.filter((other) => !powers.includes(other))];
  if (factor === undefined || powers.length > 1 || (powers.length === 0 && others.length > 0))
    return { kind: 'unsure' };
  return { kind: 'degrees', factor, ...(others.length > 0 ? { others } : {}) };
}

/** Whether the ways between the fixes are as a vehicle drives. */
function isDriven(fixes: SampledFix[]): boolean {
  const pairs = pairsOf(fixes);
  const fast = quantile(
    pairs.map(({ kmh }) => kmh),
    0.95,
  );
  return pairs.length >= fixes.length / 3 && fast > SLOWEST && fast < FASTEST;
}

/** Tells exchanged coordinates by values that cannot be a latitude, else by the headings: with latitude and longitude exchanged, a way leads elsewhere. */
function isSwapped(fixes: SampledFix[]): boolean | null {
  const [latitudes, longitudes] = [
    fixes.map(({ latitude }) => Math.abs(latitude)),
    fixes.map(({ longitude }) => Math.abs(longitude)),
  ];
  if (median(latitudes) > 90) return true;
  if (median(longitudes) > 90) return false;
  const misses = (turned: SampledFix[]) =>
    pairsOf(turned).flatMap(({ before, after, metres }) =>
      metres > 30 && before.heading !== null && after.heading !== null && angle(before.heading, after.heading) < 20
        ? [angle(bearing(before, after), before.heading)]
        : [],
    );
  const [asTold, turned] = [misses(fixes), misses(fixes.map(turnedOver))];
  if (asTold.length < 20 || turned.length < 20) return null;
  const [straight, over] = [median(asTold), median(turned)];
  return Math.abs(straight - over) < 20 ? null : over < straight;
}

const turnedOver = (fix: SampledFix): SampledFix => ({ ...fix, latitude: fix.longitude, longitude: fix.latitude });
const angle = (one: number, other: number): number => Math.abs(((one - other + 540) % 360) - 180);
const highest = (fixes: SampledFix[]): number =>
  fixes.reduce((most, { latitude, longitude }) => Math.max(most, Math.abs(latitude), Math.abs(longitude)), 0);

function inDegrees(fix: SampledFix, form: CoordinateFinding['form']): SampledFix {
  const read = (value: number): number => {
    if (form.kind === 'degrees') return value * form.factor;
    return Math.sign(value) * (Math.floor(Math.abs(value) / 100) + (Math.abs(value) % 100) / 60);
  };
  return { ...fix, latitude: read(fix.latitude), longitude: read(fix.longitude) };
}
