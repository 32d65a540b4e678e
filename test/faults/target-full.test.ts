import { expect, test } from '@jest/globals';
import { readCircuit } from '../../src/pool/circuit-store.ts';
import { SERVER_ID, withFleet } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

const VEHICLES = 6;

/** Every import meets what PostgreSQL says when its disk is full. */
const FULL = `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON positions EXECUTE FUNCTION refuse()`;

test.each([
  { way: 'streamed', streamMaxBytes: 1_048_576 },
  { way: 'by files', streamMaxBytes: 0 },
])(
  'a full target database fails the vehicles and never opens the circuit of the legacy host ($way)',
  ({ streamMaxBytes }) =>
    withFleet(
      {
        settings: {
          // The first failure that counts would open it.
          'server.breaker_failures': 1,
          'transfer.stream_max_bytes': streamMaxBytes,
          'worker_pool.retry_attempts': 1,
          'worker_pool.retry_initial_ms': 100,
          'worker_pool.retry_max_ms': 100,
        },
      },
      async (fleet) => {
        const ids = await fleet.addVehicles(VEHICLES, { rows: 50 });
        await fleet.startWorker();
        await fleet.pool.query(FULL);
        const failed = await fleet.start();
        expect(await failed.result()).toMatchObject({ completed: 0, failed: VEHICLES });
        const { rows } = await fleet.pool.query<{ code: string }>(
          'SELECT DISTINCT failure_code AS code FROM vehicle_syncs WHERE run_id = $1',
          [failed.runId],
        );
        expect(rows).toEqual([{ code: 'DatabaseDiskFull' }]);
        expect(await readCircuit(fleet.pool, SERVER_ID)).toMatchObject({ state: 'closed', failures: 0 });
        await fleet.pool.query('DROP TRIGGER refuse ON positions');
        expect(await (await fleet.start()).result()).toMatchObject({ completed: VEHICLES, failed: 0 });
        await expectInvariants(fleet, ids);
      },
    ),
  60_000,
);
