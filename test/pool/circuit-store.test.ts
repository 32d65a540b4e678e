import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { importFailure } from '../../src/activities/legacy-sync/load/import-failure.ts';
import type { Failure, FailureCode } from '../../src/errors.ts';
import { type CircuitStore, closeCircuit, createCircuitStore, readCircuit } from '../../src/pool/circuit-store.ts';
import { addServer, emptyFleet } from '../support/fleet-fixture.ts';
import { type FreshDatabase, freshDatabase } from '../support/stack.ts';

let database: FreshDatabase;
let store: CircuitStore;
const pool = () => database.pool;
const limits = {
  circuitFailures: 5,
  circuitOpenMs: 300,
  circuitOpenMaxMs: 10_000,
  leaseMs: 60_000,
  workerTimeoutMs: 600_000,
};

beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  await emptyFleet(pool());
  await addServer(pool(), 'depot-1');
  store = createCircuitStore(pool(), { limits: async () => limits, random: () => 0.5 });
});
afterAll(() => database.drop());

test('failures of many processes at once are all counted, once each', async () => {
  const generous = createCircuitStore(pool(), { limits: async () => ({ ...limits, circuitFailures: 1_000 }) });
  const record = (index: number) => generous.record('depot-1', { key: `${index}`, code: 'SshUnreachable', tookMs: 0 });
  await Promise.all(Array.from({ length: 40 }, (_, index) => record(index)));
  expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ state: 'closed', failures: 40 });
});

test('opens for everybody, lets one of many try after the pause, and closes by hand with an audit row', async () => {
  for (let index = 0; index < 5; index += 1) {
    await store.record('depot-1', { key: 'a', code: 'SshUnreachable', tookMs: 0 });
  }
  const refused = await store.admit('depot-1', 'a');
  expect(refused).toMatchObject({
    admitted: false,
    hopeless: false,
    reason: expect.stringMatching(/^circuit of depot-1 is open until/),
  });
  expect(refused.retryInMs).toBeLessThanOrEqual(300);
  await new Promise((resolve) => setTimeout(resolve, 320));
  const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => store.admit('depot-1', `v${index}`)));
  expect(answers.filter(({ admitted }) => admitted)).toHaveLength(1);

  await store.record('depot-1', { key: 'a', code: 'SshAuthRejected', tookMs: 0 });
  expect(await store.admit('depot-1', 'a')).toMatchObject({
    admitted: false,
    hopeless: true,
    retryInMs: Infinity,
  });
  await closeCircuit(pool(), 'depot-1', { actor: 'ann', reason: 'key replaced' });
  expect(await store.admit('depot-1', 'a')).toEqual({
    admitted: true,
    retryInMs: 0,
    hopeless: false,
    reason: 'circuit of depot-1 is closed',
  });
  const { rows } = await pool().query(
    `SELECT actor, action, subject, reason, details->'from'->>'state' AS was FROM audit_log`,
  );
  expect(rows).toEqual([
    { actor: 'ann', action: 'breaker.closed', subject: 'depot-1', reason: 'key replaced', was: 'held' },
  ]);
});

test('a failure that began before the circuit was closed by hand does not count against it', async () => {
  await closeCircuit(pool(), 'depot-1', { actor: 'ann' });
  await store.record('depot-1', { key: 'a', code: 'SshUnreachable', tookMs: 60_000 });
  expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ failures: 0 });
  await store.record('depot-1', { key: 'a', code: 'SshUnreachable', tookMs: 0 });
  expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ failures: 1 });
});

test('a target database that refuses rows, is full or is away does not close the door of the legacy host', async () => {
  const refusal = async (state: string): Promise<FailureCode> => {
    await pool().query(
      `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '${state}'; END $$;
       CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON positions EXECUTE FUNCTION refuse()`,
    );
    const refused = pool().query(`INSERT INTO positions (vehicle_id, time, legacy_id) VALUES (1, now(), 1)`);
    return (importFailure(await refused.catch((error: unknown) => error), '1') as Failure).code;
  };
  const codes = [await refusal('53100'), await refusal('23514'), await refusal('57P03')];
  await pool().query('DROP TRIGGER refuse ON positions');
  expect(codes).toEqual(['DatabaseDiskFull', 'ImportFailed', 'DatabaseUnavailable']);
  for (const code of [...codes, ...codes, ...codes]) await store.record('depot-1', { key: 'a', code, tookMs: 0 });
  expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ state: 'closed', failures: 0 });
});

test('a server that does not exist is named', async () => {
  await expect(store.admit('nowhere', 'a')).rejects.toMatchObject({ code: 'InvalidConfiguration' });
  await expect(closeCircuit(pool(), 'nowhere', { actor: 'ann' })).rejects.toMatchObject({
    code: 'InvalidConfiguration',
  });
  await expect(readCircuit(pool(), 'nowhere')).rejects.toMatchObject({ code: 'InvalidConfiguration' });
});
