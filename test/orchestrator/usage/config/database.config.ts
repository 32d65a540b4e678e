import pg from 'pg';

let pool: pg.Pool | null = null;

/** As an embedding program may have it. */
export const DatabaseConfig = {
  getPool: (): pg.Pool => (pool ??= new pg.Pool({ connectionString: process.env.FLEETGRAPH_POSTGRES_URL, max: 3 })),
};
