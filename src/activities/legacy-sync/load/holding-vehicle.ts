import type pg from 'pg';
import { beginRange, type VehicleWork } from './begin-range.ts';

interface Holding {
  vehicleId: string;
  work: VehicleWork;
  /** A dry run does all of it, and nothing of it stays. */
  dryRun?: boolean;
}

/** Runs `use` in a transaction whose lock keeps imports of the vehicle out. */
export async function holdingVehicle<T>(
  pool: pg.Pool,
  { vehicleId, work, dryRun = false }: Holding,
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken = true;
  try {
    await beginRange(client, vehicleId, { work });
    const result = await use(client);
    await client.query(dryRun ? 'ROLLBACK' : 'COMMIT');
    broken = false;
    return result;
  } finally {
    // After a failure the connection is destroyed, which rolls back.
    client.release(broken);
  }
}
