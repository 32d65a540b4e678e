import { FAILURES, type FailureCode } from '../errors.ts';

/**
 * The circuit of one legacy server, kept in `legacy_server_state.breaker` and changed by these pure functions under that row's lock.
 * Times are milliseconds since the epoch, by PostgreSQL's clock.
 */
export type Breaker = ClosedBreaker | OpenBreaker | HalfOpenBreaker | HeldBreaker;

export interface ClosedBreaker {
  state: 'closed';
  /** Infrastructure failures in a row. */
  failures: number;
  /** How often in a row the circuit opened again; the pause doubles with each. */
  openings: number;
  changedAt?: number;
}

export interface OpenBreaker {
  state: 'open';
  until: number;
  openings: number;
  /** When the circuit left `closed`. */
  troubledSince: number;
  lastCode: FailureCode;
  changedAt: number;
}

export interface HalfOpenBreaker {
  state: 'half-open';
  /** Probes that may be under way at once: 1, then 2, then 4, then the circuit closes. */
  allowed: number;
  successes: number;
  probes: Probe[];
  openings: number;
  troubledSince: number;
  lastCode: FailureCode;
  changedAt: number;
}

/** The server refused our key, or is not the server we know: only an operator closes the circuit again. */
export interface HeldBreaker {
  state: 'held';
  code: FailureCode;
  troubledSince: number;
  changedAt: number;
}

/** `until`: a probe that was never answered for (its process was killed) gives its place back. */
interface Probe {
  key: string;
  until: number;
}

export interface BreakerLimits {
  breakerFailures: number;
  breakerOpenMs: number;
  breakerOpenMaxMs: number;
}

export interface BreakerOutcome {
  /** Who was admitted: the vehicle sync, or whatever the caller asked `admit` with. */
  key: string;
  /** null: it worked. */
  code: FailureCode | null;
  /** When the attempt began. */
  begunAt: number;
}

export interface Admission {
  breaker: Breaker;
  admitted: boolean;
  /** When it is worth asking again; 0 when admitted. Infinity for a held circuit. */
  retryInMs: number;
}

const MOST_PROBES = 4;
/** One wrong login more is one step nearer to the host's lock-out of everybody. */
const HOLDING = new Set<FailureCode>(['SshAuthRejected', 'HostKeyMismatch']);

export const CLOSED: ClosedBreaker = { state: 'closed', failures: 0, openings: 0 };

/** May `key` use the server now? An open circuit whose pause is over becomes half-open, and the asker its first probe. */
export function admit(breaker: Breaker, key: string, now: number, probeMs: number): Admission {
  switch (breaker.state) {
    case 'closed':
      return { breaker, admitted: true, retryInMs: 0 };
    case 'held':
      return { breaker, admitted: false, retryInMs: Infinity };
    case 'open':
      if (now < breaker.until) return { breaker, admitted: false, retryInMs: breaker.until - now };
      return admit(halfOpened(breaker, now), key, now, probeMs);
    case 'half-open':
      return admitProbe(breaker, key, now, probeMs);
  }
}

/** What the circuit is after an attempt ended. `jitter` is a random number from 0 to 1. */
export function recordOutcome(
  breaker: Breaker,
  outcome: BreakerOutcome,
  now: number,
  limits: BreakerLimits,
  jitter: number,
): Breaker {
  const { code } = outcome;
  if (breaker.state === 'held') return breaker;
  if (code !== null && HOLDING.has(code)) {
    return { state: 'held', code, troubledSince: troubledSince(breaker) ?? now, changedAt: now };
  }
  // CircuitOpen is our own refusal, not the server's.
  const failure = code !== null && code !== 'CircuitOpen' && FAILURES[code].infrastructure ? code : null;
  switch (breaker.state) {
    case 'open':
      return breaker;
    case 'closed':
      // An attempt from before the circuit closed says nothing about the time after it.
      if (outcome.begunAt < (breaker.changedAt ?? 0)) return breaker;
      if (code === null) return breaker.failures === 0 ? breaker : { ...breaker, failures: 0 };
      if (failure === null) return breaker;
      if (breaker.failures + 1 < limits.breakerFailures) return { ...breaker, failures: breaker.failures + 1 };
      return opened(failure, 0, now, now, limits, jitter);
    case 'half-open': {
      const probe = breaker.probes.some(({ key }) => key === outcome.key);
      if (!probe) return breaker;
      if (failure) return opened(failure, breaker.openings, breaker.troubledSince, now, limits, jitter);
      const rest = { ...breaker, probes: breaker.probes.filter(({ key }) => key !== outcome.key) };
      return code === null ? probed(rest, now) : rest;
    }
  }
}

/** Has the server been in trouble for longer than work on a vehicle may take, with no probe under way? Then waiting helps nobody. */
export function isHopeless(breaker: Breaker, now: number, patienceMs: number): boolean {
  if (breaker.state === 'held') return true;
  return breaker.state === 'open' && now < breaker.until && now - breaker.troubledSince > patienceMs;
}

/** "circuit of depot-1 is open until …": for waiting slots and operators. */
export function describeBreaker(serverId: string, breaker: Breaker): string {
  const time = (ms: number): string => new Date(ms).toISOString();
  switch (breaker.state) {
    case 'closed':
      return `circuit of ${serverId} is closed`;
    case 'open':
      return `circuit of ${serverId} is open until ${time(breaker.until)} after ${breaker.lastCode}`;
    case 'half-open':
      return `circuit of ${serverId} is half open: ${breaker.probes.length} of ${breaker.allowed} probes under way`;
    case 'held':
      return `circuit of ${serverId} is held since ${time(breaker.changedAt)} because of ${breaker.code}: repair the cause, then close it by hand`;
  }
}

function halfOpened(breaker: OpenBreaker, now: number): HalfOpenBreaker {
  const { openings, troubledSince: since, lastCode } = breaker;
  return {
    state: 'half-open',
    allowed: 1,
    successes: 0,
    probes: [],
    openings,
    troubledSince: since,
    lastCode,
    changedAt: now,
  };
}

function admitProbe(breaker: HalfOpenBreaker, key: string, now: number, probeMs: number): Admission {
  const others = breaker.probes.filter((probe) => probe.until > now && probe.key !== key);
  if (others.length >= breaker.allowed) {
    return { breaker, admitted: false, retryInMs: Math.min(...others.map(({ until }) => until)) - now };
  }
  const probes = [...others, { key, until: now + probeMs }];
  return { breaker: { ...breaker, probes }, admitted: true, retryInMs: 0 };
}

function probed(breaker: HalfOpenBreaker, now: number): Breaker {
  const successes = breaker.successes + 1;
  if (successes < breaker.allowed) return { ...breaker, successes };
  if (breaker.allowed >= MOST_PROBES) return { ...CLOSED, changedAt: now };
  return { ...breaker, allowed: breaker.allowed * 2, successes: 0 };
}

function opened(
  lastCode: FailureCode,
  openings: number,
  since: number,
  now: number,
  limits: BreakerLimits,
  jitter: number,
): OpenBreaker {
  const pause = Math.min(limits.breakerOpenMs * 2 ** openings, limits.breakerOpenMaxMs);
  // A quarter either way, so that many workers do not come back in the same second; never above the maximum.
  const until = now + Math.min(Math.round(pause * (0.75 + jitter / 2)), limits.breakerOpenMaxMs);
  return { state: 'open', until, openings: openings + 1, troubledSince: since, lastCode, changedAt: now };
}

function troubledSince(breaker: Breaker): number | null {
  return breaker.state === 'closed' ? null : breaker.troubledSince;
}
