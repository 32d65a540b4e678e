import type pg from 'pg';
import { median } from './figures.ts';

/** Where the time of a run went, in milliseconds. */
export interface RunPhases {
  totalMs: number;
  /** From the request to the run's row. */
  startMs: number;
  /** From the run's row to the last vehicle's. */
  planMs: number;
  /** From there to the first claim: the forecast, Temporal's steps, and the first slot. */
  openMs: number;
  /** From the first claim to the last settlement. */
  workMs: number;
  /** From there to the answer. */
  endMs: number;
}

/** Of a run whose request was answered just now, `totalMs` after it was made. */
export async function readRunPhases(postgres: pg.Pool, runId: string, totalMs: number): Promise<RunPhases> {
  const { rows } = await postgres.query<Record<'plan' | 'open' | 'work' | 'finish', number>>(
    `SELECT extract(epoch FROM max(s.planned_at) - r.started_at)::float8 * 1000 AS plan,
            extract(epoch FROM min(s.claimed_at) - max(s.planned_at))::float8 * 1000 AS open,
            extract(epoch FROM max(s.settled_at) - min(s.claimed_at))::float8 * 1000 AS work,
            extract(epoch FROM r.finished_at - max(s.settled_at))::float8 * 1000 AS finish
       FROM vehicle_syncs s JOIN sync_runs r USING (run_id) WHERE s.run_id = $1 AND s.claimed_at IS NOT NULL
      GROUP BY r.run_id`,
    [runId],
  );
  const { plan, open, work, finish } = rows[0]!;
  return {
    totalMs,
    startMs: totalMs - plan - open - work - finish,
    planMs: plan,
    openMs: open,
    workMs: work,
    endMs: finish,
  };
}

export function medianPhases(all: readonly RunPhases[]): RunPhases {
  const of = (phase: keyof RunPhases): number => median(all.map((each) => each[phase]));
  return {
    totalMs: of('totalMs'),
    startMs: of('startMs'),
    planMs: of('planMs'),
    openMs: of('openMs'),
    workMs: of('workMs'),
    endMs: of('endMs'),
  };
}

export function describePhases({ totalMs, startMs, planMs, openMs, workMs, endMs }: RunPhases): string {
  const ms = (value: number): string => `${Math.round(value)} ms`;
  return `${ms(totalMs)}: start and answer ${ms(startMs)}, plan ${ms(planMs)}, open ${ms(openMs)}, vehicles ${ms(workMs)}, end ${ms(endMs)}`;
}
