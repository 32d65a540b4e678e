import type pg from 'pg';

/**
 * Does `work` when no other process does the same under this name and key, and answers null when one does. The lock ends with the
 * connection, so a process that was killed keeps nobody out.
 */
export async function unlessElsewhere<T>(
  pool: pg.Pool,
  { name, key }: { name: string; key: string },
  work: () => Promise<T>,
): Promise<T | null> {
  const client = await pool.connect();
  let broken = true;
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_lock(hashtext($1), hashtext($2)) AS mine',
      [name, key],
    );
    const mine = rows[0]?.mine === true;
    try {
      return mine ? await work() : null;
    } finally {
      if (mine) await client.query('SELECT pg_advisory_unlock(hashtext($1), hashtext($2))', [name, key]);
      broken = false;
    }
  } finally {
    // A connection that may still have the lock does not go back to the pool.
    client.release(broken);
  }
}
