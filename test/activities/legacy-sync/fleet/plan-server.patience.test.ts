import { beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Failure } from '../../../../src/errors.ts';
import { readCircuit } from '../../../../src/pool/circuit-store.ts';
import type { FleetActivities, PlanRunInput } from '../../../../src/workflows/legacy-sync/activities.ts';
import { addServer, fakePlanner, fleetDatabase, fleetOf, set, syncRow } from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();
const inputFor = (): PlanRunInput => ({
  runId: randomUUID(),
  workflowId: 'fleet-sync/all',
  selection: { kind: 'all' },
  mode: 'delta',
  requestedBy: 'ann',
  maxWorkers: null,
});

describe('a server that is away', () => {
  const away = (code: 'LegacyDatabaseUnavailable' | 'SshUnreachable' = 'LegacyDatabaseUnavailable') =>
    new Failure(code, 'MySQL error 1040');
  /** Answers after `failures` questions, each of which is refused as a whole or vehicle by vehicle. */
  function restarting(failures: number, refuse: 'whole' | 'by vehicle'): { fleet: FleetActivities; asked(): number } {
    let asked = 0;
    const planner = fakePlanner(
      (vehicleId) => (refuse === 'by vehicle' && asked <= failures ? { vehicleId, failure: away() } : 10),
      () => {
        asked += 1;
        if (refuse === 'whole' && asked <= failures) throw away();
      },
    );
    return { fleet: fleetOf(pool(), { planner }), asked: () => asked };
  }
  beforeEach(async () => {
    await addServer(pool(), 'depot-1', { count: 2 });
    await set(pool(), 'worker_pool.retry_initial_ms', 20);
  });

  test.each(['whole', 'by vehicle'] as const)(
    'and answers again is planned (%s), and its circuit hears of no failure',
    async (refuse) => {
      const { fleet, asked } = restarting(3, refuse);
      expect(await fleet.planRun(inputFor())).toMatchObject({ planned: 2, failed: 0 });
      expect(asked()).toBe(4);
      expect(await readCircuit(pool(), 'depot-1')).toMatchObject({ state: 'closed', failures: 0 });
    },
  );

  test('for longer than the patience fails its vehicles with what it answered', async () => {
    await set(pool(), 'export.plan_patience_ms', 100);
    const { fleet, asked } = restarting(1_000, 'by vehicle');
    const input = inputFor();
    expect(await fleet.planRun(input)).toMatchObject({ planned: 0, failed: 2 });
    expect(asked()).toBeGreaterThan(1);
    expect(await syncRow(pool(), input.runId, '1')).toMatchObject({ failure_code: 'LegacyDatabaseUnavailable' });
  });

  test('is not asked again when a human has to mend it', async () => {
    let asked = 0;
    const planner = fakePlanner(
      () => 10,
      () => {
        asked += 1;
        throw new Failure('SshAuthRejected', 'the key is not known there');
      },
    );
    expect(await fleetOf(pool(), { planner }).planRun(inputFor())).toMatchObject({ failed: 2 });
    expect(asked).toBe(1);
  });
});
