import type { Queryable } from '../connections/postgres.ts';

/** What one transfer gets of the line to a legacy server. */
export interface LineSpeed {
  bytesPerSecond: number;
  measuredAt: Date;
}

/** Of one server or of all, by server. */
export async function readLineSpeeds(database: Queryable, serverId: string | null): Promise<Map<string, LineSpeed>> {
  const { rows } = await database.query<LineSpeed & { serverId: string }>(
    `SELECT server_id AS "serverId", bytes_per_second AS "bytesPerSecond", measured_at AS "measuredAt"
       FROM line_speeds WHERE $1::text IS NULL OR server_id = $1`,
    [serverId],
  );
  return new Map(rows.map(({ serverId: id, ...speed }) => [id, speed]));
}

/** Part of a new measurement in what is kept: one slow transfer changes little, and a line that has changed is known after a few. */
const WEIGHT = 0.3;

/** Adds what one transfer measured. A server that was removed meanwhile has no line. */
export async function recordLineSpeed(database: Queryable, serverId: string, bytesPerSecond: number): Promise<void> {
  await database.query(
    `INSERT INTO line_speeds AS line (server_id, bytes_per_second) SELECT id, $2 FROM legacy_servers WHERE id = $1
     ON CONFLICT (server_id) DO UPDATE SET measured_at = now(),
       bytes_per_second = line.bytes_per_second + ${WEIGHT} * (EXCLUDED.bytes_per_second - line.bytes_per_second)`,
    [serverId, bytesPerSecond],
  );
}
