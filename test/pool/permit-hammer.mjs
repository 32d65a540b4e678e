// A worker process of the permits' test: takes and gives back places as fast as it can, and counts itself in and out of the gauge.
import pg from 'pg';
import { openServerPermits } from '../../dist/pool/permits.js';

const { url, serverId, kind, limit, loops, rounds } = JSON.parse(process.argv[2]);
const pool = new pg.Pool({ connectionString: url, max: 8 });
const permits = await openServerPermits({
  pool,
  url,
  limitOf: async () => limit,
  leaseMs: 2_000,
  pollMs: 100,
  onError: (error) => console.error(error.message),
});
const acquire = () =>
  kind === 'transfer' ? permits.transfers.acquire(serverId) : permits.connections(serverId).acquire();

await Promise.all(
  Array.from({ length: loops }, async () => {
    for (let round = 0; round < rounds; round += 1) {
      const permit = await acquire();
      await pool.query(
        'UPDATE gauge SET inside = inside + 1, most = greatest(most, inside + 1), entries = entries + 1',
      );
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
      await pool.query('UPDATE gauge SET inside = inside - 1');
      await permit.release();
    }
  }),
);
await permits.close();
await pool.end();
