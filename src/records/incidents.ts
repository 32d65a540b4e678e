import type { Queryable } from '../connections/postgres.ts';

/** A condition that has begun and is not over. */
export interface Incident {
  id: string;
  /** What is wrong: `circuit-open`. */
  kind: string;
  /** With what: a legacy server's id, a fleet sync's workflow id. */
  about: string;
  /** The worst that it has been. */
  level: 'warning' | 'critical';
  beganAt: Date;
}

const COLUMNS = 'id::text, kind, about, level, began_at AS "beganAt"';

export async function openIncidents(database: Queryable): Promise<Incident[]> {
  const { rows } = await database.query<Incident>(`SELECT ${COLUMNS} FROM incidents WHERE over_at IS NULL ORDER BY id`);
  return rows;
}

/** Begins an incident, or gives the one that has begun this level. */
export async function beginIncident(
  database: Queryable,
  { kind, about, level }: Omit<Incident, 'id' | 'beganAt'>,
): Promise<Incident> {
  const { rows } = await database.query<Incident>(
    `INSERT INTO incidents (kind, about, level) VALUES ($1, $2, $3)
     ON CONFLICT (kind, about) WHERE over_at IS NULL DO UPDATE SET level = EXCLUDED.level RETURNING ${COLUMNS}`,
    [kind, about, level],
  );
  return rows[0]!;
}

export async function endIncident(database: Queryable, id: string): Promise<void> {
  await database.query('UPDATE incidents SET over_at = now() WHERE id = $1 AND over_at IS NULL', [id]);
}
