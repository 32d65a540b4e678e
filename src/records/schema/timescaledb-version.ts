import type { Queryable } from '../../connections/postgres.ts';
import { Failure } from '../../errors.ts';

/** Below it an INSERT … ON CONFLICT DO NOTHING into a compressed chunk may stop before its last row (timescaledb issue 7672). */
const OLDEST = [2, 18, 1] as const;

/** Refuses a TimescaleDB that loses rows. Errors: InvalidConfiguration. */
export async function refuseOldTimescale(database: Queryable): Promise<void> {
  const { rows } = await database.query<{ version: string }>(
    "SELECT extversion AS version FROM pg_extension WHERE extname = 'timescaledb'",
  );
  const version = rows[0]?.version;
  if (version === undefined || !isOlder(version)) return;
  throw new Failure(
    'InvalidConfiguration',
    `Looking at the database: it has TimescaleDB ${version}, which may lose rows of an import into a compressed chunk. ` +
      `Install ${OLDEST.join('.')} or later, then ALTER EXTENSION timescaledb UPDATE.`,
  );
}

function isOlder(version: string): boolean {
  const found = version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  const at = OLDEST.findIndex((part, index) => (found[index] ?? 0) !== part);
  return at >= 0 && (found[at] ?? 0) < OLDEST[at]!;
}
