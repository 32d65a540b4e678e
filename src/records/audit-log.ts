import type { Queryable } from '../connections/postgres.ts';

/** Every action that the log may hold. An action has one name, whether the CLI, the API or a program does it. */
export type AuditAction =
  | 'api-key.created'
  | 'api-key.revoked'
  | 'breaker.closed'
  | 'dataset.approved'
  | 'dataset.rejected'
  | 'extra-positions.removed'
  | 'fleet-sync.cancel'
  | 'fleet-sync.max-workers'
  | 'fleet-sync.pause'
  | 'fleet-sync.resume'
  | 'fleet-sync.start'
  | 'fleet-sync.started'
  | 'graph.rollback'
  | 'graph.switch'
  | 'pipeline.cancelled'
  | 'quarantine.redrive'
  | 'reconciliation.repair'
  | 'reconciliation.start'
  | 'rollout.advance'
  | 'rollout.back'
  | 'rollout.start'
  | 'run.controlled'
  | 'schedule.changed'
  | 'schedule.deleted'
  | 'schedule.paused'
  | 'schedule.resumed'
  | 'server.changed'
  | 'server.created'
  | 'server.inspected'
  | 'server.tested'
  | 'setting.changed'
  | 'stage.cancelled'
  | 'stage.forced'
  | 'stage.start'
  | 'stage.started'
  | 'vehicle.changed'
  | 'vehicle.created'
  | 'vehicle.discovered';

export interface Act {
  actor: string;
  action: AuditAction;
  subject: string;
  reason?: string | undefined;
  details?: Record<string, unknown>;
}

/**
 * Writes who did what, and why. Call it in the transaction of the act, or before the act when that has no transaction: an act that cannot
 * be recorded must not happen.
 */
export async function recordAct(database: Queryable, { actor, action, subject, reason, details }: Act): Promise<void> {
  await database.query('INSERT INTO audit_log (actor, action, subject, reason, details) VALUES ($1, $2, $3, $4, $5)', [
    actor,
    action,
    subject,
    reason ?? null,
    details ?? {},
  ]);
}

/** The act that a request did, when it says so in its details; null when it did none. */
export async function actOfRequest<Details>(
  database: Queryable,
  action: AuditAction,
  request: string,
): Promise<{ subject: string; details: Details } | null> {
  const { rows } = await database.query<{ subject: string; details: Details }>(
    `SELECT subject, details FROM audit_log WHERE action = $1 AND details ->> 'request' = $2 ORDER BY id DESC LIMIT 1`,
    [action, request],
  );
  return rows[0] ?? null;
}

export interface AuditEntry {
  id: string;
  at: Date;
  actor: string;
  /** The name as it was written. Rows of earlier versions may have names that are no longer in use. */
  action: string;
  subject: string;
  reason: string | null;
  details: Record<string, unknown>;
}

export interface AuditPage {
  limit: number;
  /** Only entries older than this id; null begins with the latest. */
  before: string | null;
  actor?: string | undefined;
  action?: string | undefined;
}

/** Lists the latest acts first. */
export async function listActs(
  database: Queryable,
  { limit, before, actor, action }: AuditPage,
): Promise<AuditEntry[]> {
  const { rows } = await database.query<AuditEntry>(
    `SELECT id::text, at, actor, action, subject, reason, details FROM audit_log
      WHERE ($2::bigint IS NULL OR id < $2) AND ($3::text IS NULL OR actor = $3) AND ($4::text IS NULL OR action = $4)
      ORDER BY audit_log.id DESC LIMIT $1`,
    [limit, before, actor ?? null, action ?? null],
  );
  return rows;
}

export interface StartAct<Details = Record<string, unknown>> {
  runId: string;
  actor: string;
  subject: string;
  at: Date;
  details: Details;
}

/** Tells who started these runs. Only runs started through the API are found: it notes the run's id once Temporal has given one. */
export async function startsOf<Details = Record<string, unknown>>(
  database: Queryable,
  action: 'fleet-sync.started' | 'stage.started',
  runIds: string[],
): Promise<StartAct<Details>[]> {
  if (runIds.length === 0) return [];
  // `details ? 'runId'` matches the condition of the index.
  const { rows } = await database.query<StartAct<Details>>(
    `SELECT details ->> 'runId' AS "runId", actor, subject, at, details FROM audit_log
      WHERE details ->> 'runId' = ANY($1) AND details ? 'runId' AND action = $2`,
    [runIds, action],
  );
  return rows;
}
