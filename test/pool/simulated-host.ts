/** A legacy host that gives each vehicle its full speed up to `knee` in flight, and shares it above; nothing else of a host is in it. */
export interface SimulatedHost {
  knee: number;
  /** 0.3: each vehicle takes up to 30 % less or more. */
  noise: number;
  /** Share of vehicles that take `slowBy` times as long. */
  slow: number;
  slowBy: number;
  fixedMs: number;
  perRowMs: number;
}

export interface SimulatedEnd {
  inFlight: number;
  rows: number;
  ms: number;
  begunAt: number;
  now: number;
}

interface Flight {
  rows: number;
  left: number;
  begunAt: number;
  inFlightMs: number;
}

/** Keeps as many vehicles in flight as the limit allows, and hands each that ends to `onEnd`, which says the next limit. */
export function simulate(
  host: SimulatedHost,
  {
    random,
    rowsOf,
    ends,
    onEnd,
    atFirst = 1,
  }: {
    random: () => number;
    rowsOf: (index: number) => number;
    ends: number;
    onEnd: (end: SimulatedEnd, index: number) => number;
    /** The limit until the first has ended. */
    atFirst?: number;
  },
): void {
  let [now, limit, begun] = [0, atFirst, 0];
  const flights: Flight[] = [];
  for (let ended = 0; ended < ends; ended += 1) {
    while (flights.length < limit) flights.push(begin(host, random, rowsOf(begun++), now));
    const speed = Math.min(1, host.knee / flights.length);
    const next = flights.reduce((a, b) => (b.left < a.left ? b : a));
    const passed = next.left / speed;
    for (const flight of flights) {
      flight.left -= passed * speed;
      flight.inFlightMs += passed * flights.length;
    }
    now += passed;
    flights.splice(flights.indexOf(next), 1);
    const ms = now - next.begunAt;
    limit = onEnd({ inFlight: next.inFlightMs / ms, rows: next.rows, ms, begunAt: next.begunAt, now }, ended);
  }
}

function begin(host: SimulatedHost, random: () => number, rows: number, now: number): Flight {
  const spread = 1 + host.noise * (2 * random() - 1);
  const slow = random() < host.slow ? host.slowBy : 1;
  return { rows, left: (host.fixedMs + rows * host.perRowMs) * spread * slow, begunAt: now, inFlightMs: 0 };
}

/** Mulberry32: the same numbers for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
