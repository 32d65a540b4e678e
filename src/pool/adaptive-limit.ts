import type { FailureCode } from '../errors.ts';
import { type KneeFit, type Sample, fitKnee, median } from './knee-fit.ts';

/**
 * How many vehicles and slices may be in flight at one legacy server, as its own behaviour says. Kept in `legacy_server_state.adaptive` and
 * changed by these pure functions under that row's lock. Times are milliseconds since the epoch, by PostgreSQL's clock.
 */
export interface AdaptiveLimit {
  limit: number;
  /**
   * growing: doubles while more in flight bring more rows. held: at the knee. trying: more than held, for a while. recovering: after
   * trouble, one more at a time.
   */
  phase: 'growing' | 'held' | 'trying' | 'recovering';
  samples: Sample[];
  /** Completed since the limit changed, with as many in flight as it allows. */
  used: number;
  /** Completed while held; at `tryAfter` one more is tried. */
  held: number;
  tryAfter: number;
  /** While trying: samples from above the limit that was held, which may be out of date. */
  setAside: Sample[];
  triedFrom: number;
  /** The server was in trouble with this many in flight; as long as it is remembered, fewer are let in. */
  troubleAt: number | null;
  troubledAt: number;
  changedAt: number;
}

export const SLOW_START: AdaptiveLimit = {
  limit: 1,
  phase: 'growing',
  samples: [],
  used: 0,
  held: 0,
  tryAfter: 24,
  setAside: [],
  triedFrom: 1,
  troubleAt: null,
  troubledAt: 0,
  changedAt: 0,
};

/** What the host says of itself; null: it was not asked. */
export interface HostLoad {
  loadPerCore: number | null;
  threadsRunning: number | null;
}

/** An item's end, or the end of one attempt that is tried again. */
export interface EndedWork extends Sample {
  /** null: completed. */
  code: FailureCode | null;
  begunAt: number;
  load?: HostLoad;
}

export interface Bounds {
  now: number;
  /** The fixed number that holds where the limit does not adapt. */
  most: number;
  maxLoadPerCore?: number;
  maxThreadsRunning?: number;
}

export interface LimitChange {
  from: number;
  to: number;
  reason: string;
}

export interface LimitDecision {
  state: AdaptiveLimit;
  change: LimitChange | null;
}

/** The host, its database or the way there could not cope: too many connections, a refused channel, a time-out, a lost connection. */
const TROUBLE = new Set<FailureCode>([
  'LegacyDatabaseUnavailable',
  'SshSessionRefused',
  'SshConnectionLost',
  'SshUnreachable',
  'TransferStalled',
  'TransferFailed',
  'VehicleTimeout',
]);

const LONGEST_TRY_AFTER = 36;
/** In nats: what has to speak for a change. */
const CLEAR = 2.5;
const LIKELIER = 0.3;
const SURE = 4.5;
/** The last so many are compared with what the others let expect: 0.3 is a third more. */
const RECENT = { count: 12, surprise: 0.3 };
const SAMPLES_KEPT = 64;
/** While the limit is held, each third item is enough to look at what the samples say. */
const LOOK_EACH = 3;
/** Good completions at a limit, times the limit, until trouble at the next number is forgotten. */
const FORGET_TROUBLE_AFTER = 8;
/** Completed at a limit that is tried, times that limit, until it is given up as no better. */
const TRIED_ENOUGH = 3;

/** The limit after an item, or an attempt at one, has ended. */
export function recordEnd(state: AdaptiveLimit, ended: EndedWork, bounds: Bounds): LimitDecision {
  if (state.limit > bounds.most) return moved(state, bounds.most, bounds, `the fixed limit is ${bounds.most}`);
  if (ended.code !== null) return TROUBLE.has(ended.code) ? troubled(state, ended, bounds) : unchanged(state);
  // Nothing was worked on it, so that it says nothing.
  if (ended.ms <= 0) return unchanged(state);
  const next = sampled(state, ended);
  const overload = overloadOf(ended.load, bounds);
  if (overload) return eased(next, ended, bounds, overload);
  switch (state.phase) {
    case 'growing':
      return grow(next, bounds);
    case 'held':
      return hold(next, bounds);
    case 'trying':
      return judge(next, bounds);
    case 'recovering':
      return recover(next, bounds);
  }
}

/** Doubles as soon as half as many as the limit were completed there, until the server has clearly slowed down. */
function grow(state: AdaptiveLimit, bounds: Bounds): LimitDecision {
  if (state.used < Math.ceil(state.limit / 2) + 1) return unchanged(state);
  const fit = fitKnee(state.samples, bounds.most);
  if (fit.knee < state.limit && fit.against(state.limit) > SURE) {
    // The first to end after many began are the quick ones: the knee is read when most of them have ended.
    return state.used < state.limit * 0.75 ? unchanged(state) : settle(state, fit, bounds);
  }
  const to = Math.min(state.limit * 2, allowed(state, bounds));
  if (to <= state.limit) return unchanged(held(state));
  return moved(state, to, bounds, `${state.limit} in flight were no slower than fewer`);
}

/** Follows what the samples say by now, and tries one more after a while. */
function hold(state: AdaptiveLimit, bounds: Bounds): LimitDecision {
  const next = { ...state, held: state.held + 1 };
  if (next.troubleAt !== null && next.held >= next.limit * FORGET_TROUBLE_AFTER) next.troubleAt = null;
  if (next.held % LOOK_EACH !== 0) return unchanged(next);
  const fit = fitKnee(next.samples, bounds.most);
  const shift = shiftOf(next, fit);
  if (shift !== null) return follow(next, { fit, shift }, bounds);
  // The first to end after many began are the quick ones, so the first round after a change is read again without much ado.
  const early = next.held <= 2 * next.limit || next.held >= next.tryAfter;
  const clear = early && fit.knee < next.limit ? LIKELIER : CLEAR;
  if (fit.against(next.limit) > clear) {
    const decision = settle(next, fit, bounds);
    if (decision.change) return { ...decision, state: { ...decision.state, held: next.held } };
  }
  if (next.held < next.tryAfter || next.limit >= allowed(next, bounds)) return unchanged(next);
  return tryMore(next, bounds, 'one more is tried');
}

/** How much longer (or, below 0, shorter) the last items took than the samples let expect; null: no more than noise. */
function shiftOf(state: AdaptiveLimit, fit: KneeFit): number | null {
  if (state.used < RECENT.count) return null;
  const shift = median(state.samples.slice(-RECENT.count).map((sample) => fit.surprise(sample)));
  return Math.abs(shift) < RECENT.surprise ? null : shift;
}

/** The server is not what it was. Quicker: more is tried. Slower: with fewer in flight, each should take as long as it did alone. */
function follow(state: AdaptiveLimit, { fit, shift }: { fit: KneeFit; shift: number }, bounds: Bounds): LimitDecision {
  const change = Math.round(Math.abs(Math.exp(shift) - 1) * 100);
  const latest = state.samples.slice(-RECENT.count / 2);
  const restarted = held({ ...state, samples: latest, tryAfter: SLOW_START.tryAfter });
  if (shift < 0) return tryMore(restarted, bounds, `items take ${change} % less than before`);
  const inFlight = median(latest.map((sample) => sample.inFlight));
  const knee = Math.min(inFlight, fit.knee) / Math.exp(median(latest.map((sample) => fit.surprise(sample))));
  const to = Math.min(Math.max(1, Math.round(knee)), state.limit);
  // What was measured with few in flight holds as long as it is the knee that moved.
  const few = state.samples.slice(0, -latest.length).filter((sample) => to > 1 && sample.inFlight <= to);
  const fresh = { ...restarted, samples: [...few, ...latest], used: 0 };
  return moved(fresh, to, bounds, `items take ${change} % longer than before`);
}

/** More than was held, to see whether the server has become better: what is known of that many may be out of date. */
function tryMore(state: AdaptiveLimit, bounds: Bounds, reason: string, step = 1): LimitDecision {
  const to = Math.min(state.limit + step, allowed(state, bounds));
  if (to <= state.limit) return unchanged(held(state));
  const fits = (sample: Sample): boolean => sample.inFlight <= state.limit + 0.2;
  const trying: AdaptiveLimit = {
    ...state,
    phase: 'trying',
    samples: state.samples.filter(fits),
    setAside: state.samples.filter((sample) => !fits(sample)),
    triedFrom: state.limit,
  };
  return moved(trying, to, bounds, reason);
}

function judge(state: AdaptiveLimit, bounds: Bounds): LimitDecision {
  const { triedFrom, limit, used } = state;
  if (used < 2) return unchanged(state);
  const fit = fitKnee(state.samples, bounds.most);
  const better = fit.knee > triedFrom + 0.5 && fit.against(triedFrom) > CLEAR;
  if (better) {
    const accepted = held({ ...state, setAside: [], tryAfter: SLOW_START.tryAfter });
    if (fit.knee < limit && fit.against(limit) > CLEAR) return settle(accepted, fit, bounds);
    // Each step is twice the last, as at the start: a host that got much better is followed as fast as a new one.
    const step = 2 * (limit - triedFrom);
    return tryMore(accepted, bounds, `${limit} in flight bring more rows than ${triedFrom}`, step);
  }
  const worse = fit.knee < limit && fit.against(limit) > CLEAR;
  if (!worse && used < TRIED_ENOUGH * limit) return unchanged(state);
  const back = held({
    ...state,
    samples: kept([...state.setAside, ...state.samples]),
    setAside: [],
    tryAfter: Math.min(state.tryAfter * 2, LONGEST_TRY_AFTER),
  });
  return moved(back, triedFrom, bounds, `${limit} in flight bring no more rows than ${triedFrom}`);
}

/** One more for each round that went well, up to where the trouble began. */
function recover(state: AdaptiveLimit, bounds: Bounds): LimitDecision {
  if (state.used < state.limit) return unchanged(state);
  const fit = fitKnee(state.samples, bounds.most);
  if (state.limit >= allowed(state, bounds) || (fit.knee <= state.limit && fit.against(state.limit + 1) > CLEAR)) {
    return unchanged(held(state));
  }
  return moved(state, state.limit + 1, bounds, 'no more trouble');
}

/**
 * Half as many. What began before the last trouble is a part of it; and with more in flight than the limit, those are on their way out, so that
 * their trouble says nothing of fewer.
 */
function troubled(state: AdaptiveLimit, { code, inFlight, begunAt }: EndedWork, bounds: Bounds): LimitDecision {
  const there = Math.max(1, Math.ceil(inFlight - 0.2));
  if (begunAt < state.troubledAt || there > state.limit) return unchanged(state);
  const recovering: AdaptiveLimit = {
    ...state,
    phase: 'recovering',
    samples: kept([...state.setAside, ...state.samples]),
    setAside: [],
    // A single one is not too many, whatever the trouble was.
    troubleAt: there > 1 ? there : state.troubleAt,
    troubledAt: bounds.now,
    used: 0,
  };
  return moved(recovering, Math.max(1, there >> 1), bounds, `${code} with ${there} in flight`);
}

/** A quarter less. Work that began before the last change says nothing about the time after it. */
function eased(state: AdaptiveLimit, ended: EndedWork, bounds: Bounds, reason: string): LimitDecision {
  if (ended.begunAt < state.changedAt) return unchanged(state);
  const easing: AdaptiveLimit = {
    ...state,
    phase: 'recovering',
    samples: kept([...state.setAside, ...state.samples]),
    setAside: [],
    used: 0,
  };
  return moved(easing, Math.max(1, Math.floor(state.limit * 0.75)), bounds, reason);
}

function overloadOf(
  load: HostLoad | undefined,
  { maxLoadPerCore = Infinity, maxThreadsRunning = Infinity }: Bounds,
): string | null {
  const { loadPerCore = null, threadsRunning = null } = load ?? {};
  if (loadPerCore !== null && loadPerCore > maxLoadPerCore)
    return `the host's load is ${loadPerCore.toFixed(1)} per core`;
  if (threadsRunning !== null && threadsRunning > maxThreadsRunning)
    return `${threadsRunning} threads run in its database`;
  return null;
}

function settle(state: AdaptiveLimit, fit: KneeFit, bounds: Bounds): LimitDecision {
  // Rather one too few than one too many: the first to end after many began are the quick ones, which makes the knee seem larger.
  const highest = Math.min(allowed(state, bounds), state.limit + Math.ceil(state.limit / 4));
  const to = Math.min(Math.max(1, Math.round(fit.knee - 0.3)), highest);
  return moved(held(state), to, bounds, `more than ${fit.knee.toFixed(1)} in flight bring no more rows`);
}

const held = (state: AdaptiveLimit): AdaptiveLimit => ({ ...state, phase: 'held', held: 0 });
const unchanged = (state: AdaptiveLimit): LimitDecision => ({ state, change: null });

function moved(state: AdaptiveLimit, to: number, { now }: Bounds, reason: string): LimitDecision {
  if (to === state.limit) return unchanged(state);
  return {
    state: { ...state, limit: to, used: 0, changedAt: now },
    change: { from: state.limit, to, reason },
  };
}

const allowed = ({ troubleAt }: AdaptiveLimit, { most }: Bounds): number =>
  troubleAt === null ? most : Math.max(1, Math.min(most, troubleAt - 1));

function sampled(state: AdaptiveLimit, { inFlight, rows, ms }: EndedWork): AdaptiveLimit {
  const sample = { inFlight: Math.round(inFlight * 100) / 100, rows, ms: Math.max(1, Math.round(ms)) };
  // Fewer than the limit where the run has no more slots or vehicles: nothing is learnt of the limit.
  const inUse = inFlight > state.limit * 0.75;
  return { ...state, samples: kept([...state.samples, sample]), used: state.used + (inUse ? 1 : 0) };
}

/** The newest samples; the oldest goes from where most are, so that what was learnt with few in flight is not forgotten while many are. */
function kept(samples: Sample[]): Sample[] {
  const rest = [...samples];
  while (rest.length > SAMPLES_KEPT) {
    const octaves = rest.map(({ inFlight }) => Math.round(Math.log2(Math.max(1, inFlight))));
    const sizes = new Map<number, number>();
    for (const octave of octaves) sizes.set(octave, (sizes.get(octave) ?? 0) + 1);
    const [fullest] = [...sizes].reduce((a, b) => (b[1] > a[1] ? b : a));
    rest.splice(octaves.indexOf(fullest), 1);
  }
  return rest;
}
