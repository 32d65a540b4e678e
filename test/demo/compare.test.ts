import { from as copyFrom } from 'pg-copy-streams';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compareSourceAndTarget } from '../../src/demo/compare.ts';
import { DATABASE, TABLE, TIME_ZONE, fillLegacyDatabase } from '../../src/demo/legacy-fleet.ts';
import { insertLegacyServer } from '../../src/records/legacy-servers.ts';
import { insertVehicle } from '../../src/records/vehicles.ts';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../support/stack.ts';

/** So many that a vehicle's sum is above 10^15, where MariaDB prints a double with an exponent, and the rows reach into summer time. */
const ROWS = 500_000;

let target: FreshDatabase;
beforeAll(async () => {
  target = await freshDatabase();
});
afterAll(() => target.drop());

/** Copies the rows as a sync would, read from the source's clock by PostgreSQL. */
async function copyRows(): Promise<void> {
  const rows = await runMariadb(
    sharedStack().mariadb,
    `SELECT vehicle_id, device_time, id, latitude, longitude, trip_id FROM ${DATABASE}.${TABLE}`,
  );
  const client = await target.pool.connect();
  try {
    await client.query(
      'CREATE TEMP TABLE raw (vehicle bigint, at timestamp, id bigint, latitude float8, longitude float8, trip text)',
    );
    await pipeline(Readable.from([rows]), client.query(copyFrom('COPY raw FROM STDIN')));
    await client.query(
      `INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude, attributes)
       SELECT vehicle, at AT TIME ZONE '${TIME_ZONE}', id, latitude, longitude, jsonb_build_object('trip', trip) FROM raw`,
    );
  } finally {
    client.release();
  }
}

test('half a million rows of one vehicle, over a change of clocks, are compared exactly', async () => {
  const stack = sharedStack();
  const { server, vehicles } = await fillLegacyDatabase(stack, [], { vehicles: 1, rows: ROWS });
  try {
    const depot = await insertLegacyServer(target.pool, server);
    for (const vehicle of vehicles) await insertVehicle(target.pool, vehicle, depot);
    await copyRows();
    const whole = await compareSourceAndTarget(stack, target.pool);
    expect(whole).toMatchObject({ equal: true, differing: [], source: { rows: ROWS, vehicles: 1 } });
    expect(whole.target).toEqual(whole.source);
    // One second of one row, and it shows.
    await target.pool.query(`UPDATE positions SET time = time + interval '1 second' WHERE legacy_id = 499999`);
    expect(await compareSourceAndTarget(stack, target.pool)).toMatchObject({ equal: false, differing: ['900001'] });
  } finally {
    await runMariadb(stack.mariadb, `DROP DATABASE ${DATABASE}`);
  }
}, 120_000);
