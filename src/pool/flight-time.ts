/**
 * How many were in flight at a server while each of them was under way: the time that all of them took, summed up whenever one begins or
 * ends. Pure; times are milliseconds by PostgreSQL's clock.
 */
export interface FlightTime {
  /** Milliseconds in flight of all together, up to `at`. */
  sum: number;
  at: number;
  /** What `sum` was when each of those under way began. */
  begun: Record<string, number>;
}

export const NO_FLIGHTS: FlightTime = { sum: 0, at: 0, begun: {} };

/** Claims that were settled by others, after a crash, are never ended here: the oldest are forgotten. */
const MOST_UNDER_WAY = 200;

/** `inFlight`: without the one that begins. */
export function beginFlight(
  time: FlightTime,
  key: string,
  { inFlight, now }: { inFlight: number; now: number },
): FlightTime {
  const { sum, begun } = upTo(time, inFlight, now);
  const others = Object.entries(begun).filter(([other]) => other !== key);
  return { sum, at: now, begun: Object.fromEntries([...others.slice(-MOST_UNDER_WAY), [key, sum]]) };
}

/** `inFlight`: with the one that ends. Its mean is what was in flight meanwhile, or is now when its beginning is not known. */
export function endFlight(
  time: FlightTime,
  key: string,
  { inFlight, begunAt, now }: { inFlight: number; begunAt: number; now: number },
): { time: FlightTime; mean: number } {
  const { sum, begun } = upTo(time, inFlight, now);
  const { [key]: sumThen, ...others } = begun;
  const mean = sumThen === undefined || now <= begunAt ? inFlight : (sum - sumThen) / (now - begunAt);
  return { time: { sum, at: now, begun: others }, mean: Math.max(1, mean) };
}

function upTo({ sum, at, begun }: FlightTime, inFlight: number, now: number): FlightTime {
  const passed = at === 0 ? 0 : Math.max(0, now - at);
  return { sum: Math.round(sum + passed * inFlight), at: now, begun };
}
