import { FAILURES, type FailureCode } from '../errors.ts';

/**
 * The circuit of one legacy server, kept in `legacy_server_state.breaker` and changed by these pure functions under that row's lock.
 * Times are milliseconds since the epoch, by PostgreSQL's clock.
 */
export type Circuit = ClosedCircuit | OpenCircuit | HalfOpenCircuit | HeldCircuit;

export interface ClosedCircuit {
  state: 'closed';
  /** Infrastructure failures in a row. */
  failures: number;
  /** How often in a row the circuit has opened; the pause doubles with each time. */
  openings: number;
  changedAt?: number;
}

export interface OpenCircuit {
  state: 'open';
  until: number;
  openings: number;
  /** When the circuit left `closed`. */
  troubledSince: number;
  lastCode: FailureCode;
  changedAt: number;
}

export interface HalfOpenCircuit {
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
export interface HeldCircuit {
  state: 'held';
  code: FailureCode;
  troubledSince: number;
  changedAt: number;
}

/** `until`: from then on the probe's place is free, because its process was killed. */
interface Probe {
  key: string;
  until: number;
}

export interface CircuitLimits {
  circuitFailures: number;
  circuitOpenMs: number;
  circuitOpenMaxMs: number;
}

export interface CircuitOutcome {
  /** The key that `admit` was asked with. */
  key: string;
  /** null: the attempt succeeded. */
  code: FailureCode | null;
  /** When the attempt began. */
  begunAt: number;
}

export interface AdmissionRequest {
  /** Names the vehicle sync or plan that asks. */
  key: string;
  now: number;
  /** How long a probe may take before its place is free again. */
  probeMs: number;
}

export interface Admission {
  circuit: Circuit;
  admitted: boolean;
  /** When it is worth asking again; 0 when admitted. Infinity for a held circuit. */
  retryInMs: number;
}

const MOST_PROBES = 4;
/** A host may lock out all logins after some wrong ones, so these failures are never repeated. */
const HOLDING = new Set<FailureCode>(['SshAuthRejected', 'HostKeyMismatch']);

export const CLOSED: ClosedCircuit = { state: 'closed', failures: 0, openings: 0 };

/** Whether `key` may use the server now. When the pause of an open circuit is over, the circuit becomes half-open and `key` its first probe. */
export function admit(circuit: Circuit, request: AdmissionRequest): Admission {
  const { now } = request;
  switch (circuit.state) {
    case 'closed':
      return { circuit, admitted: true, retryInMs: 0 };
    case 'held':
      return { circuit, admitted: false, retryInMs: Infinity };
    case 'open':
      if (now < circuit.until) return { circuit, admitted: false, retryInMs: circuit.until - now };
      return admit(halfOpened(circuit, now), request);
    case 'half-open':
      return admitProbe(circuit, request);
  }
}

/** The circuit after an attempt has ended. `jitter` is a random number from 0 to 1. */
export function recordOutcome(
  circuit: Circuit,
  outcome: CircuitOutcome,
  circumstances: { now: number; limits: CircuitLimits; jitter: number },
): Circuit {
  const { now, limits } = circumstances;
  const { code } = outcome;
  if (circuit.state === 'held') return circuit;
  if (code !== null && HOLDING.has(code)) {
    return { state: 'held', code, troubledSince: troubledSince(circuit) ?? now, changedAt: now };
  }
  // CircuitOpen is our own refusal, not the server's.
  const failure = code !== null && code !== 'CircuitOpen' && FAILURES[code].infrastructure ? code : null;
  switch (circuit.state) {
    case 'open':
      return circuit;
    case 'closed':
      // An attempt from before the circuit closed says nothing about the time after it.
      if (outcome.begunAt < (circuit.changedAt ?? 0)) return circuit;
      if (code === null) return circuit.failures === 0 ? circuit : { ...circuit, failures: 0 };
      if (failure === null) return circuit;
      if (circuit.failures + 1 < limits.circuitFailures) return { ...circuit, failures: circuit.failures + 1 };
      return opened({ openings: 0, troubledSince: now, lastCode: failure }, circumstances);
    case 'half-open': {
      const probe = circuit.probes.some(({ key }) => key === outcome.key);
      if (!probe) return circuit;
      if (failure) return opened({ ...circuit, lastCode: failure }, circumstances);
      const rest = { ...circuit, probes: circuit.probes.filter(({ key }) => key !== outcome.key) };
      return code === null ? probed(rest, now) : rest;
    }
  }
}

/** Whether waiting is useless: the server has failed for longer than work on a vehicle may take, and no probe is under way. */
export function isHopeless(circuit: Circuit, now: number, patienceMs: number): boolean {
  if (circuit.state === 'held') return true;
  return circuit.state === 'open' && now < circuit.until && now - circuit.troubledSince > patienceMs;
}

/** "circuit of depot-1 is open until …": for waiting slots and operators. */
export function describeCircuit(serverId: string, circuit: Circuit): string {
  const time = (ms: number): string => new Date(ms).toISOString();
  switch (circuit.state) {
    case 'closed':
      return `circuit of ${serverId} is closed`;
    case 'open':
      return `circuit of ${serverId} is open until ${time(circuit.until)} after ${circuit.lastCode}`;
    case 'half-open':
      return `circuit of ${serverId} is half open: ${circuit.probes.length} of ${circuit.allowed} probes under way`;
    case 'held':
      return `circuit of ${serverId} is held since ${time(circuit.changedAt)} because of ${circuit.code}: repair the cause, then close it by hand`;
  }
}

function halfOpened(circuit: OpenCircuit, now: number): HalfOpenCircuit {
  const { openings, troubledSince: since, lastCode } = circuit;
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

function admitProbe(circuit: HalfOpenCircuit, { key, now, probeMs }: AdmissionRequest): Admission {
  const others = circuit.probes.filter((probe) => probe.until > now && probe.key !== key);
  if (others.length >= circuit.allowed) {
    return { circuit, admitted: false, retryInMs: Math.min(...others.map(({ until }) => until)) - now };
  }
  const probes = [...others, { key, until: now + probeMs }];
  return { circuit: { ...circuit, probes }, admitted: true, retryInMs: 0 };
}

function probed(circuit: HalfOpenCircuit, now: number): Circuit {
  const successes = circuit.successes + 1;
  if (successes < circuit.allowed) return { ...circuit, successes };
  if (circuit.allowed >= MOST_PROBES) return { ...CLOSED, changedAt: now };
  return { ...circuit, allowed: circuit.allowed * 2, successes: 0 };
}

function opened(
  { openings, troubledSince: since, lastCode }: Pick<OpenCircuit, 'openings' | 'troubledSince' | 'lastCode'>,
  { now, limits, jitter }: { now: number; limits: CircuitLimits; jitter: number },
): OpenCircuit {
  const pause = Math.min(limits.circuitOpenMs * 2 ** openings, limits.circuitOpenMaxMs);
  // Up to a quarter shorter or longer, so that workers do not all return in the same second, and never above the maximum.
  const until = now + Math.min(Math.round(pause * (0.75 + jitter / 2)), limits.circuitOpenMaxMs);
  return { state: 'open', until, openings: openings + 1, troubledSince: since, lastCode, changedAt: now };
}

function troubledSince(circuit: Circuit): number | null {
  return circuit.state === 'closed' ? null : circuit.troubledSince;
}
