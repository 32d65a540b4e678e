import { Failure } from '../../../errors.ts';
import { isDatabaseUnavailable, sqlState } from '../../../connections/database-errors.ts';

/** The transaction lost against another one, or waited for it too long: the next attempt may succeed. */
const CONTENTION = new Set(['40001', '40P01', '55P03', '57014']);

/**
 * The Failure for PostgreSQL's error during an import. It keeps only the SQLSTATE, the constraint and the table: message, detail and context
 * hold text of the rows, and a Failure's message ends up in histories and logs.
 */
export function importFailure(error: unknown, vehicleId: string): unknown {
  if (error instanceof Failure) return error;
  const doing = `Importing positions of vehicle ${vehicleId}`;
  const state = sqlState(error);
  if (isDatabaseUnavailable(error) || (state !== undefined && CONTENTION.has(state))) {
    return new Failure(
      'DatabaseUnavailable',
      `${doing}: PostgreSQL did not answer (${state ?? 'connection lost'}). It is tried again.`,
    );
  }
  // Node's own errors have codes too: ENOSPC is not SQL.
  if (state === undefined || !/^[0-9A-Z]{5}$/.test(state)) return error;
  if (state === '53100') {
    return new Failure(
      'DatabaseDiskFull',
      `${doing}: PostgreSQL has no disk space left. Free some; it is tried again.`,
    );
  }
  return new Failure(
    'ImportFailed',
    `${doing}: PostgreSQL refused with SQLSTATE ${state}${placeOf(error)}. Its log has the whole message.`,
  );
}

function placeOf(error: unknown): string {
  const { constraint, table, column } = error as { constraint?: string; table?: string; column?: string };
  const place = Object.entries({ constraint, table, column }).filter(([, name]) => name !== undefined);
  return place.map(([kind, name]) => `, ${kind} ${name}`).join('');
}
