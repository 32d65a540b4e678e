import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FailureCode } from '../../src/errors.ts';
import { type Breaker, CLOSED, admit, describeBreaker, isHopeless, recordOutcome } from '../../src/pool/breaker.ts';

const LIMITS = { breakerFailures: 3, breakerOpenMs: 1_000, breakerOpenMaxMs: 8_000 };
const PROBE_MS = 500;
/** Jitter 0.5 is none. */
const told = (breaker: Breaker, key: string, code: FailureCode | null, now: number, jitter = 0.5, begunAt = now) =>
  recordOutcome(breaker, { key, code, begunAt }, now, LIMITS, jitter);
const admitted = (breaker: Breaker, key: string, now: number): Breaker => {
  const admission = admit(breaker, key, now, PROBE_MS);
  if (!admission.admitted) throw new Error(`${key} was refused: ${describeBreaker('s', breaker)}`);
  return admission.breaker;
};
const refused = (breaker: Breaker, key: string, now: number): number => {
  const admission = admit(breaker, key, now, PROBE_MS);
  if (admission.admitted) throw new Error(`${key} was admitted`);
  return admission.retryInMs;
};
const openedAt = (now: number): Breaker => {
  let breaker: Breaker = CLOSED;
  for (let failures = 0; failures < 3; failures += 1) breaker = told(breaker, 'a', 'SshUnreachable', now);
  return breaker;
};

test('opens after that many infrastructure failures in a row, and refuses until the pause is over', () => {
  let breaker = told(told(CLOSED, 'a', 'SshUnreachable', 0), 'b', 'TransferStalled', 0);
  expect(breaker).toMatchObject({ state: 'closed', failures: 2 });
  // One success in between starts the count again.
  breaker = told(breaker, 'c', null, 1);
  expect(breaker).toMatchObject({ state: 'closed', failures: 0 });
  breaker = openedAt(10);
  expect(breaker).toMatchObject({
    state: 'open',
    until: 1_010,
    openings: 1,
    troubledSince: 10,
    lastCode: 'SshUnreachable',
  });
  expect(refused(breaker, 'a', 10)).toBe(1_000);
  expect(refused(breaker, 'a', 1_009)).toBe(1);
  expect(admitted(breaker, 'a', 1_010)).toMatchObject({ state: 'half-open', allowed: 1 });
});

test.each(['TableMissing', 'VehicleTimeout', 'Cancelled', 'CircuitOpen', 'Unexpected', 'DatabaseUnavailable'] as const)(
  '%s says nothing about the server',
  (code) => {
    let breaker = told(told(CLOSED, 'a', 'SshUnreachable', 0), 'a', 'SshUnreachable', 0);
    const before = breaker;
    for (let times = 0; times < 10; times += 1) breaker = told(breaker, 'a', code, 1);
    expect(breaker).toEqual(before);
  },
);

test('half open lets one probe try, then two, then four, then closes', () => {
  let breaker = openedAt(0);
  let now = 1_000;
  for (const allowed of [1, 2, 4]) {
    const keys = Array.from({ length: allowed }, (_, index) => `probe ${allowed}.${index}`);
    for (const key of keys) breaker = admitted(breaker, key, now);
    // A probe that asks again is the same probe.
    breaker = admitted(breaker, keys[0] ?? '', now);
    expect(refused(breaker, 'another', now)).toBe(PROBE_MS);
    now += 10;
    for (const key of keys) breaker = told(breaker, key, null, now);
  }
  expect(breaker).toEqual({ ...CLOSED, changedAt: now });
});

test('a failed probe opens again for twice as long, up to the maximum; closing forgets that', () => {
  let breaker = openedAt(0);
  const pauses: number[] = [];
  for (let openings = 0; openings < 5; openings += 1) {
    if (breaker.state !== 'open') throw new Error('not open');
    const now = breaker.until;
    breaker = told(admitted(breaker, 'a', now), 'a', 'SshUnreachable', now);
    if (breaker.state !== 'open') throw new Error('not open');
    pauses.push(breaker.until - now);
    expect(breaker.troubledSince).toBe(0);
  }
  expect(pauses).toEqual([2_000, 4_000, 8_000, 8_000, 8_000]);
});

test('pauses are spread by a quarter either way, and never above the maximum', () => {
  const pauseWith = (jitter: number): number => {
    const two = told(told(CLOSED, 'a', 'SshUnreachable', 0), 'a', 'SshUnreachable', 0);
    const breaker = told(two, 'a', 'SshUnreachable', 0, jitter);
    return breaker.state === 'open' ? breaker.until : 0;
  };
  expect([pauseWith(0), pauseWith(0.5), pauseWith(1)]).toEqual([750, 1_000, 1_250]);
});

test('a probe that was never answered for gives its place back', () => {
  const breaker = admitted(openedAt(0), 'killed', 1_000);
  expect(refused(breaker, 'b', 1_100)).toBe(400);
  expect(admitted(breaker, 'b', 1_500)).toMatchObject({ probes: [{ key: 'b', until: 2_000 }] });
});

test('a probe whose vehicle is bad frees its place and decides nothing', () => {
  const breaker = told(admitted(openedAt(0), 'a', 1_000), 'a', 'TableMissing', 1_001);
  expect(breaker).toMatchObject({ state: 'half-open', allowed: 1, successes: 0, probes: [] });
});

test('who is no probe cannot close or open a half open circuit', () => {
  const breaker = admitted(openedAt(0), 'a', 1_000);
  expect(told(breaker, 'from before', null, 1_001)).toEqual(breaker);
  expect(told(breaker, 'from before', 'SshUnreachable', 1_001)).toEqual(breaker);
});

test('failures of attempts that began before the circuit closed do not count', () => {
  const closed: Breaker = { ...CLOSED, changedAt: 5_000 };
  expect(told(closed, 'a', 'SshUnreachable', 6_000, 0.5, 4_000)).toEqual(closed);
  expect(told(closed, 'a', 'SshUnreachable', 6_000, 0.5, 5_500)).toMatchObject({ failures: 1 });
});

test.each(['SshAuthRejected', 'HostKeyMismatch'] as const)(
  '%s holds the circuit at once, from any state, for good',
  (code) => {
    for (const before of [CLOSED, openedAt(0), admitted(openedAt(0), 'a', 1_000)]) {
      let breaker = told(before, 'a', code, 1_001);
      expect(breaker).toMatchObject({ state: 'held', code });
      breaker = told(breaker, 'a', null, 2_000);
      expect(refused(breaker, 'a', 1e15)).toBe(Infinity);
      expect(isHopeless(breaker, 1_001, 1e9)).toBe(true);
    }
  },
);

test('is hopeless when it has been open for longer than the patience, and not while a probe could try', () => {
  let breaker = openedAt(0);
  expect(isHopeless(breaker, 500, 600)).toBe(false);
  expect(isHopeless(breaker, 700, 600)).toBe(true);
  expect(isHopeless(breaker, 1_000, 600)).toBe(false);
  breaker = admitted(breaker, 'a', 1_000);
  expect(isHopeless(breaker, 1_200, 600)).toBe(false);
  expect(isHopeless(told(breaker, 'a', 'SshUnreachable', 1_200), 1_201, 600)).toBe(true);
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
      let breaker: Breaker = CLOSED;
      let now = 0;
      for (const { waitMs, key, does, jitter } of steps) {
        now += waitMs;
        breaker = does === 'ask' ? admit(breaker, key, now, PROBE_MS).breaker : told(breaker, key, does, now, jitter);
        if (breaker.state === 'half-open') {
          expect(breaker.probes.filter(({ until }) => until > now).length).toBeLessThanOrEqual(breaker.allowed);
          expect([1, 2, 4]).toContain(breaker.allowed);
        }
        if (breaker.state === 'open') expect(breaker.until - now).toBeLessThanOrEqual(LIMITS.breakerOpenMaxMs);
      }
      for (let turns = 0; turns < 20 && breaker.state !== 'closed'; turns += 1) {
        const admission = admit(breaker, 'healed', now, PROBE_MS);
        if (admission.admitted) breaker = told(admission.breaker, 'healed', null, now);
        else now += admission.retryInMs;
      }
      expect(breaker.state).toBe('closed');
    }),
    { numRuns: 2_000 },
  );
});
