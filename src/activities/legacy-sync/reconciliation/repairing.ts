import type pg from 'pg';
import { holdingVehicle } from '../load/holding-vehicle.ts';

/** Changes positions of a vehicle while no import of it runs. */
export const repairing = <T>(
  pool: pg.Pool,
  vehicleId: string,
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> =>
  holdingVehicle(pool, { vehicleId, work: 'repair' }, async (client) => {
    // Rows are found by their keys here, unlike in an import.
    await client.query('SET LOCAL enable_nestloop = on');
    return use(client);
  });
