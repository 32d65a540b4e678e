import type { Queryable } from '../connections/postgres.ts';
import type {
  OpenStepInput,
  PlanRolloutInput,
  RolloutEnd,
  RolloutStep,
  StepKey,
  StepMeasure,
  StepVerdict,
} from '../workflows/legacy-sync/rollout-contract.ts';

/** What a step changed, and what was there before. A limit of null is the setting's. */
export type StepChange =
  | { what: 'limit'; from: number | null; to: number | null }
  | { what: 'max-workers'; from: number; to: number }
  | { what: 'adaptive'; from: boolean; to: boolean };

/** A run of a step. */
export interface RolloutStepRow {
  number: number;
  position: number;
  openedBy: string;
  state: 'running' | 'good' | 'not-good' | 'withdrawn';
  runId: string | null;
  reconciliationId: string | null;
  measured: StepMeasure | null;
  /** Why it was not good, in words. */
  reasons: string[];
  /** Nothing speaks against it but that there was too little to do. */
  idle: boolean;
  changes: StepChange[];
  /** What could not be put back, because somebody else had changed it. */
  kept: string[];
  startedAt: Date;
  finishedAt: Date | null;
}

export interface Rollout {
  rolloutId: string;
  workflowId: string;
  serverId: string;
  steps: RolloutStep[];
  unattended: boolean;
  requestedBy: string;
  state: RolloutEnd | 'running' | 'lost';
  startedAt: Date;
  finishedAt: Date | null;
  /** Every run of a step, the first one first. */
  runs: RolloutStepRow[];
}

const STEP = `number, position, opened_by AS "openedBy", state, run_id AS "runId", reconciliation_id AS "reconciliationId", measured, reasons, idle,
  changes, kept, started_at AS "startedAt", finished_at AS "finishedAt"`;

/** The last rollout of each server, or of the one of this id. */
export async function latestRollouts(database: Queryable, serverId: string | null = null): Promise<Rollout[]> {
  const { rows } = await database.query<Omit<Rollout, 'runs'>>(
    `SELECT DISTINCT ON (server_id) rollout_id AS "rolloutId", workflow_id AS "workflowId", server_id AS "serverId", steps, unattended,
            requested_by AS "requestedBy", state, started_at AS "startedAt", finished_at AS "finishedAt"
       FROM rollouts WHERE $1::text IS NULL OR server_id = $1 ORDER BY server_id, started_at DESC, rollout_id`,
    [serverId],
  );
  const found = await database.query<RolloutStepRow & { rolloutId: string }>(
    `SELECT rollout_id AS "rolloutId", ${STEP} FROM rollout_steps WHERE rollout_id = ANY($1::uuid[]) ORDER BY rollout_id, number`,
    [rows.map(({ rolloutId }) => rolloutId)],
  );
  return rows.map((rollout) => ({
    ...rollout,
    runs: found.rows.flatMap(({ rolloutId, ...step }) => (rolloutId === rollout.rolloutId ? [step] : [])),
  }));
}

/** The current step's run: the last one that was not taken back. null: there is none. */
export const currentRun = ({ runs }: Pick<Rollout, 'runs'>): RolloutStepRow | null =>
  runs.findLast(({ state }) => state !== 'withdrawn') ?? null;

/** An unattended rollout tries the step again by itself, because having had too little to do is nothing to mend. */
export const waitsForNews = ({ state, unattended, runs }: Pick<Rollout, 'state' | 'unattended' | 'runs'>): boolean =>
  state === 'running' && unattended && currentRun({ runs })?.idle === true;

/** The steps of a rollout as they were laid out, or null where it has no row yet. */
export async function laidOutSteps(client: Queryable, rolloutId: string): Promise<RolloutStep[] | null> {
  const { rows } = await client.query<Pick<Rollout, 'steps'>>('SELECT steps FROM rollouts WHERE rollout_id = $1', [
    rolloutId,
  ]);
  return rows[0]?.steps ?? null;
}

/** Adds a rollout; a second call adds nothing. */
export async function insertRollout(
  client: Queryable,
  { rolloutId, workflowId, serverId, unattended, requestedBy }: PlanRolloutInput,
  steps: readonly RolloutStep[],
): Promise<void> {
  await client.query(
    'INSERT INTO rollouts (rollout_id, workflow_id, server_id, unattended, requested_by, steps) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING',
    [rolloutId, workflowId, serverId, unattended, requestedBy, JSON.stringify(steps)],
  );
}

/** Rollouts whose rows say that they are running. */
export async function runningRollouts(database: Queryable): Promise<Pick<Rollout, 'rolloutId' | 'workflowId'>[]> {
  const { rows } = await database.query<Pick<Rollout, 'rolloutId' | 'workflowId'>>(
    `SELECT rollout_id AS "rolloutId", workflow_id AS "workflowId" FROM rollouts WHERE state = 'running' ORDER BY started_at`,
  );
  return rows;
}

/** A rollout of another server under way, with what it has set for every server. */
export interface RolloutBeside extends Pick<Rollout, 'rolloutId' | 'serverId' | 'steps'> {
  sharedChanges: Exclude<StepChange['what'], 'limit'>[];
}

/**
 * The rollouts of other servers that are under way, the oldest first. Until the caller's transaction ends, nobody else who asks this gets an answer: of two that
 * are planned at once, the second one sees the first.
 */
export async function rolloutsBeside(client: Queryable, serverId: string): Promise<RolloutBeside[]> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph rollouts', 0))`);
  const { rows } = await client.query<RolloutBeside>(
    `SELECT rollout_id AS "rolloutId", server_id AS "serverId", steps,
            ARRAY(SELECT DISTINCT change ->> 'what' FROM rollout_steps AS step, jsonb_array_elements(step.changes) AS change
                   WHERE step.rollout_id = rollouts.rollout_id AND NOT undone AND change ->> 'what' <> 'limit' ORDER BY 1) AS "sharedChanges"
       FROM rollouts WHERE server_id <> $1 AND state = 'running' ORDER BY started_at, rollout_id`,
    [serverId],
  );
  return rows;
}

/** A rollout that waits for somebody. */
export interface TroubledRollout extends Pick<Rollout, 'rolloutId' | 'serverId'> {
  /** `not-good`: its step was, and it waits for an order. The others have ended, and what they had changed is put back. */
  trouble: 'not-good' | 'lost' | 'failed';
  since: Date;
  /** The step's name and why it was not good; empty of one that has ended. */
  step: string | null;
  reasons: string[];
}

/** A rollout that ended this long ago is nobody's work any more. */
export const TROUBLE_KEPT_DAYS = 7;

/** Of each server the last rollout, where a step that was not good has stopped it, or where it was lost or has failed. */
export async function troubledRollouts(database: Queryable): Promise<TroubledRollout[]> {
  const oldest = Date.now() - TROUBLE_KEPT_DAYS * 86_400_000;
  return (await latestRollouts(database)).flatMap((rollout): TroubledRollout[] => {
    const { rolloutId, serverId, state, finishedAt, steps } = rollout;
    if (state === 'lost' || state === 'failed') {
      if (finishedAt === null || finishedAt.getTime() < oldest) return [];
      return [{ rolloutId, serverId, trouble: state, since: finishedAt, step: null, reasons: [] }];
    }
    const current = currentRun(rollout);
    if (state !== 'running' || current?.state !== 'not-good' || waitsForNews(rollout)) return [];
    const since = current.finishedAt ?? current.startedAt;
    const step = steps[current.position]?.name ?? null;
    return [{ rolloutId, serverId, trouble: 'not-good', since, step, reasons: current.reasons }];
  });
}

/** Rollouts of a server whose rows say that they are running, except this one. There is one at a time: these were ended from outside. */
export async function otherRunningRollouts(client: Queryable, serverId: string, rolloutId: string): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT rollout_id AS id FROM rollouts WHERE server_id = $1 AND rollout_id <> $2 AND state = 'running' FOR UPDATE`,
    [serverId, rolloutId],
  );
  return rows.map(({ id }) => id);
}

/** Locks the rollout, so that its steps change one after the other. null: it has no row. */
export async function lockRollout(
  client: Queryable,
  rolloutId: string,
): Promise<Pick<Rollout, 'serverId' | 'steps' | 'state'> | null> {
  const { rows } = await client.query<Pick<Rollout, 'serverId' | 'steps' | 'state'>>(
    'SELECT server_id AS "serverId", steps, state FROM rollouts WHERE rollout_id = $1 FOR UPDATE',
    [rolloutId],
  );
  return rows[0] ?? null;
}

/** The row that an earlier attempt of this opening has added; null: none. */
export async function openedStep(client: Queryable, { rolloutId, opening }: OpenStepInput): Promise<number | null> {
  const { rows } = await client.query<{ number: number }>(
    'SELECT number FROM rollout_steps WHERE rollout_id = $1 AND opening = $2',
    [rolloutId, opening],
  );
  return rows[0]?.number ?? null;
}

/** Adds a run of a step. */
export async function insertStep(
  client: Queryable,
  { rolloutId, opening, position, by }: OpenStepInput,
  changes: readonly StepChange[],
): Promise<number> {
  const { rows } = await client.query<{ number: number }>(
    `INSERT INTO rollout_steps (rollout_id, number, opening, position, opened_by, changes)
     SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5::jsonb FROM rollout_steps WHERE rollout_id = $1 RETURNING number`,
    [rolloutId, opening, position, by.actor, JSON.stringify(changes)],
  );
  return rows[0]!.number;
}

/** Begins the last run of a step anew in the row that it has, if it had too little to do. null: the last run is not such a one. */
export async function reopenIdleStep(
  client: Queryable,
  { rolloutId, opening, position }: OpenStepInput,
): Promise<number | null> {
  const { rows } = await client.query<{ number: number }>(
    `UPDATE rollout_steps
        SET state = 'running', opening = $2, run_id = NULL, reconciliation_id = NULL, measured = NULL, reasons = '{}', idle = false,
            started_at = now(), finished_at = NULL
      WHERE rollout_id = $1 AND position = $3 AND idle AND NOT undone
        AND number = (SELECT max(number) FROM rollout_steps WHERE rollout_id = $1) RETURNING number`,
    [rolloutId, opening, position],
  );
  return rows[0]?.number ?? null;
}

export async function noteStepRuns(
  database: Queryable,
  { rolloutId, number, runId, reconciliationId }: StepKey & { runId?: string; reconciliationId?: string },
): Promise<void> {
  await database.query(
    `UPDATE rollout_steps SET run_id = coalesce($3, run_id), reconciliation_id = coalesce($4, reconciliation_id)
      WHERE rollout_id = $1 AND number = $2`,
    [rolloutId, number, runId ?? null, reconciliationId ?? null],
  );
}

/** Where it can be read what a run of a step has done. */
export interface StepTraces extends Pick<RolloutStepRow, 'runId' | 'reconciliationId'> {
  serverId: string;
  /** By PostgreSQL's clock, by which circuits change. */
  startedMs: number;
}

export async function readStepTraces(database: Queryable, { rolloutId, number }: StepKey): Promise<StepTraces | null> {
  const { rows } = await database.query<StepTraces>(
    `SELECT run_id AS "runId", reconciliation_id AS "reconciliationId", server_id AS "serverId",
            extract(epoch FROM step.started_at)::float8 * 1000 AS "startedMs"
       FROM rollout_steps AS step JOIN rollouts USING (rollout_id) WHERE rollout_id = $1 AND number = $2`,
    [rolloutId, number],
  );
  return rows[0] ?? null;
}

/** Writes how a step was judged; one that was taken back meanwhile stays so. */
export async function judgeStepRow(
  database: Queryable,
  { rolloutId, number }: StepKey,
  { measured, verdict }: { measured: StepMeasure; verdict: StepVerdict },
): Promise<void> {
  await database.query(
    `UPDATE rollout_steps SET state = $3, measured = $4, reasons = $5, idle = $6, finished_at = coalesce(finished_at, now())
      WHERE rollout_id = $1 AND number = $2 AND state <> 'withdrawn'`,
    [rolloutId, number, verdict.good ? 'good' : 'not-good', measured, verdict.reasons, verdict.idle],
  );
}

/** Runs of steps from this place on whose changes still hold, the last one first. */
export async function stepsInForce(
  client: Queryable,
  rolloutId: string,
  fromPosition: number,
): Promise<Pick<RolloutStepRow, 'number' | 'changes'>[]> {
  const { rows } = await client.query<Pick<RolloutStepRow, 'number' | 'changes'>>(
    `SELECT number, changes FROM rollout_steps WHERE rollout_id = $1 AND position >= $2 AND NOT undone ORDER BY number DESC`,
    [rolloutId, fromPosition],
  );
  return rows;
}

/** Notes that what this run of a step had changed is put back, but for what is `kept`. */
export async function markUndone(
  client: Queryable,
  { rolloutId, number }: StepKey,
  { kept, withdrawn }: { kept: readonly string[]; withdrawn: boolean },
): Promise<void> {
  await client.query(
    `UPDATE rollout_steps SET undone = true, kept = $3, state = CASE WHEN $4 THEN 'withdrawn' ELSE state END,
            finished_at = CASE WHEN $4 THEN coalesce(finished_at, now()) ELSE finished_at END
      WHERE rollout_id = $1 AND number = $2`,
    [rolloutId, number, kept, withdrawn],
  );
}

/** Ends what was running of a step, before the step is run again after a reset. */
export async function withdrawRunning(client: Queryable, rolloutId: string): Promise<void> {
  await client.query(
    `UPDATE rollout_steps SET state = 'withdrawn', finished_at = now() WHERE rollout_id = $1 AND state = 'running'`,
    [rolloutId],
  );
}

/** From now on each step is opened by an order. */
export async function attendRollout(client: Queryable, rolloutId: string): Promise<void> {
  await client.query('UPDATE rollouts SET unattended = false WHERE rollout_id = $1', [rolloutId]);
}

/** Ends a rollout; one that has ended stays as it is. */
export async function finishRollout(client: Queryable, rolloutId: string, state: RolloutEnd | 'lost'): Promise<void> {
  await client.query(
    `UPDATE rollouts SET state = $2, finished_at = now() WHERE rollout_id = $1 AND state = 'running'`,
    [rolloutId, state],
  );
}
