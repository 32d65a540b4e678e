import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FailureCode } from '../../src/errors.ts';
import { type Circuit, CLOSED, admit, describeCircuit, isHopeless, recordOutcome } from '../../src/pool/circuit.ts';

const LIMITS = { circuitFailures: 3, circuitOpenMs: 1_000, circuitOpenMaxMs: 8_000 };
const PROBE_MS = 500;
/** Jitter 0.5 is none. */
const told = (circuit: Circuit, key: string, code: FailureCode | null, now: number, jitter = 0.5, begunAt = now) =>
  recordOutcome(circuit, { key, code, begunAt }, { now, limits: LIMITS, jitter });
const admitted = (circuit: Circuit, key: string, now: number): Circuit => {
  const admission = admit(circuit, { key, now, probeMs: PROBE_MS });
  if (!admission.admitted) throw new Error(`${key} was refused: ${describeCircuit('s', circuit)}`);
  return admission.circuit;
};
const refused = (circuit: Circuit, key: string, now: number): number => {
  const admission = admit(circuit, { key, now, probeMs: PROBE_MS });
  if (admission.admitted) throw new Error(`${key} was admitted`);
  return admission.retryInMs;
};
const openedAt = (now: number): Circuit => {
  let circuit: Circuit = CLOSED;
  for (let failures = 0; failures < 3; failures += 1) circuit = told(circuit, 'a', 'SshUnreachable', now);
  return circuit;
};

test('opens after that many infrastructure failures in a row, and refuses until the pause is over', () => {
  let circuit = told(told(CLOSED, 'a', 'SshUnreachable', 0), 'b', 'TransferStalled', 0);
  expect(circuit).toMatchObject({ state: 'closed', failures: 2 });
  // One success in between starts the count again.
  circuit = told(circuit, 'c', null, 1);
  expect(circuit).toMatchObject({ state: 'closed', failures: 0 });
  circuit = openedAt(10);
  expect(circuit).toMatchObject({
    state: 'open',
    until: 1_010,
    openings: 1,
    troubledSince: 10,
    lastCode: 'SshUnreachable',
  });
  expect(refused(circuit, 'a', 10)).toBe(1_000);
  expect(refused(circuit, 'a', 1_009)).toBe(1);
  expect(admitted(circuit, 'a', 1_010)).toMatchObject({ state: 'half-open', allowed: 1 });
});

test.each(['TableMissing', 'VehicleTimeout', 'Cancelled', 'CircuitOpen', 'Unexpected', 'DatabaseUnavailable'] as const)(
  '%s says nothing about the server',
  (code) => {
    let circuit = told(told(CLOSED, 'a', 'SshUnreachable', 0), 'a', 'SshUnreachable', 0);
    const before = circuit;
    for (let times = 0; times < 10; times += 1) circuit = told(circuit, 'a', code, 1);
    expect(circuit).toEqual(before);
  },
);

test('half open lets one probe try, then two, then four, then closes', () => {
  let circuit = openedAt(0);
  let now = 1_000;
  for (const allowed of [1, 2, 4]) {
    const keys = Array.from({ length: allowed }, (_, index) => `probe ${allowed}.${index}`);
    for (const key of keys) circuit = admitted(circuit, key, now);
    // A probe that asks again is the same probe.
    circuit = admitted(circuit, keys[0] ?? '', now);
    expect(refused(circuit, 'another', now)).toBe(PROBE_MS);
    now += 10;
    for (const key of keys) circuit = told(circuit, key, null, now);
  }
  expect(circuit).toEqual({ ...CLOSED, changedAt: now });
});

test('a failed probe opens again for twice as long, up to the maximum; closing forgets that', () => {
  let circuit = openedAt(0);
  const pauses: number[] = [];
  for (let openings = 0; openings < 5; openings += 1) {
    if (circuit.state !== 'open') throw new Error('not open');
    const now = circuit.until;
    circuit = told(admitted(circuit, 'a', now), 'a', 'SshUnreachable', now);
    if (circuit.state !== 'open') throw new Error('not open');
    pauses.push(circuit.until - now);
    expect(circuit.troubledSince).toBe(0);
  }
  expect(pauses).toEqual([2_000, 4_000, 8_000, 8_000, 8_000]);
});

test('pauses are spread by a quarter either way, and never above the maximum', () => {
  const pauseWith = (jitter: number): number => {
    const two = told(told(CLOSED, 'a', 'SshUnreachable', 0), 'a', 'SshUnreachable', 0);
    const circuit = told(two, 'a', 'SshUnreachable', 0, jitter);
    return circuit.state === 'open' ? circuit.until : 0;
  };
  expect([pauseWith(0), pauseWith(0.5), pauseWith(1)]).toEqual([750, 1_000, 1_250]);
});

test('a probe that was never answered for gives its place back', () => {
  const circuit = admitted(openedAt(0), 'killed', 1_000);
  expect(refused(circuit, 'b', 1_100)).toBe(400);
  expect(admitted(circuit, 'b', 1_500)).toMatchObject({ probes: [{ key: 'b', until: 2_000 }] });
});

test('a probe whose vehicle is bad frees its place and decides nothing', () => {
  const circuit = told(admitted(openedAt(0), 'a', 1_000), 'a', 'TableMissing', 1_001);
  expect(circuit).toMatchObject({ state: 'half-open', allowed: 1, successes: 0, probes: [] });
});

test('who is no probe cannot close or open a half open circuit', () => {
  const circuit = admitted(openedAt(0), 'a', 1_000);
  expect(told(circuit, 'from before', null, 1_001)).toEqual(circuit);
  expect(told(circuit, 'from before', 'SshUnreachable', 1_001)).toEqual(circuit);
});

test('failures of attempts that began before the circuit closed do not count', () => {
  const closed: Circuit = { ...CLOSED, changedAt: 5_000 };
  expect(told(closed, 'a', 'SshUnreachable', 6_000, 0.5, 4_000)).toEqual(closed);
  expect(told(closed, 'a', 'SshUnreachable', 6_000, 0.5, 5_500)).toMatchObject({ failures: 1 });
});

test.each(['SshAuthRejected', 'HostKeyMismatch'] as const)(
  '%s holds the circuit at once, from any state, for good',
  (code) => {
    for (const before of [CLOSED, openedAt(0), admitted(openedAt(0), 'a', 1_000)]) {
      let circuit = told(before, 'a', code, 1_001);
      expect(circuit).toMatchObject({ state: 'held', code });
      circuit = told(circuit, 'a', null, 2_000);
      expect(refused(circuit, 'a', 1e15)).toBe(Infinity);
      expect(isHopeless(circuit, 1_001, 1e9)).toBe(true);
    }
  },
);

test('is hopeless when it has been open for longer than the patience, and not while a probe could try', () => {
  let circuit = openedAt(0);
  expect(isHopeless(circuit, 500, 600)).toBe(false);
  expect(isHopeless(circuit, 700, 600)).toBe(true);
  expect(isHopeless(circuit, 1_000, 600)).toBe(false);
  circuit = admitted(circuit, 'a', 1_000);
  expect(isHopeless(circuit, 1_200, 600)).toBe(false);
  expect(isHopeless(told(circuit, 'a', 'SshUnreachable', 1_200), 1_201, 600)).toBe(true);
  expect(isHopeless(CLOSED, 1e9, 0)).toBe(false);
});

test('whatever happens: never more probes than allowed, never refused for ever unless held, and a healed server closes it', () => {
  const codes: (FailureCode | null)[] = [null, 'SshUnreachable', 'TransferStalled', 'TableMissing', 'CircuitOpen'];
  const step = fc.record({
    waitMs: fc.nat(3_000),
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    does: fc.oneof(fc.constant('ask' as const), fc.constantFrom(...codes)),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let circuit: Circuit = CLOSED;
      let now = 0;
      for (const { waitMs, key, does, jitter } of steps) {
        now += waitMs;
        circuit =
          does === 'ask'
            ? admit(circuit, { key, now, probeMs: PROBE_MS }).circuit
            : told(circuit, key, does, now, jitter);
        if (circuit.state === 'half-open') {
          expect(circuit.probes.filter(({ until }) => until > now).length).toBeLessThanOrEqual(circuit.allowed);
          expect([1, 2, 4]).toContain(circuit.allowed);
        }
        if (circuit.state === 'open') expect(circuit.until - now).toBeLessThanOrEqual(LIMITS.circuitOpenMaxMs);
      }
      for (let turns = 0; turns < 20 && circuit.state !== 'closed'; turns += 1) {
        const admission = admit(circuit, { key: 'healed', now, probeMs: PROBE_MS });
        if (admission.admitted) circuit = told(admission.circuit, 'healed', null, now);
        else now += admission.retryInMs;
      }
      expect(circuit.state).toBe('closed');
    }),
    { numRuns: 2_000 },
  );
});
