/** A row of a legacy table as a sample shows it: numbers as they stand there, whatever they mean. */
export interface SampledFix {
  vehicle: string;
  /** Seconds since 1970, as the mapping under trial reads the row's time. */
  seconds: number;
  latitude: number;
  longitude: number;
  speed: number | null;
  heading: number | null;
  /** When the legacy server received it, read alike. */
  receivedSeconds: number | null;
}

/** Two fixes of a vehicle, one after the other. */
export interface FixPair {
  before: SampledFix;
  after: SampledFix;
  seconds: number;
  metres: number;
  kmh: number;
}

/** Fixes that are further apart say nothing about the way between them. A faster way is a jump of the receiver. */
const LONGEST_PAIR_SECONDS = 300;
const FASTEST_KMH = 200;

/** Consecutive fixes of each vehicle, as far as they were about one way. */
export function pairsOf(fixes: readonly SampledFix[]): FixPair[] {
  const sorted = fixes
    .filter(({ latitude, longitude }) => latitude !== 0 || longitude !== 0)
    .sort((a, b) => (a.vehicle < b.vehicle ? -1 : a.vehicle > b.vehicle ? 1 : a.seconds - b.seconds));
  return sorted.flatMap((after, index) => {
    const before = sorted[index - 1];
    if (before === undefined || before.vehicle !== after.vehicle) return [];
    const seconds = after.seconds - before.seconds;
    const metres = metresBetween(before, after);
    const kmh = (metres / seconds) * 3.6;
    return seconds > 0 && seconds <= LONGEST_PAIR_SECONDS && kmh <= FASTEST_KMH
      ? [{ before, after, seconds, metres, kmh }]
      : [];
  });
}

type Place = Pick<SampledFix, 'latitude' | 'longitude'>;
const RADIANS = Math.PI / 180;
const EARTH_RADIUS = 6_371_008.8;

/** Of fixes some kilometres apart at most, the flat triangle is as good as the sphere. */
export function metresBetween(one: Place, other: Place): number {
  const { north, east } = leg(one, other);
  return EARTH_RADIUS * Math.hypot(north, east);
}

/** Degrees clockwise from north. */
export function bearing(one: Place, other: Place): number {
  const { north, east } = leg(one, other);
  return (Math.atan2(east, north) / RADIANS + 360) % 360;
}

function leg(one: Place, other: Place): { north: number; east: number } {
  const middle = ((one.latitude + other.latitude) / 2) * RADIANS;
  return {
    north: (other.latitude - one.latitude) * RADIANS,
    east: (other.longitude - one.longitude) * RADIANS * Math.cos(middle),
  };
}
