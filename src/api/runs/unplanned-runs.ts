import type { Queryable } from '../../connections/postgres.ts';
import { startsOf } from '../../records/audit-log.ts';
import { type RunState, plannedAmong } from '../../records/sync-runs.ts';

/** null: no run with this id was started through the API. */
export async function findStartedRun(database: Queryable, runId: string): Promise<RunState | null> {
  const [run] = await startedRuns(database, [runId]);
  return run ?? null;
}

/** Those of these runs that were started through the API and that no worker has planned yet. */
export async function waitingRuns(database: Queryable, runIds: string[]): Promise<RunState[]> {
  const planned = await plannedAmong(database, runIds);
  return startedRuns(
    database,
    runIds.filter((runId) => !planned.has(runId)),
  );
}

/** The runs as the audit log recorded them at their start. */
async function startedRuns(database: Queryable, runIds: string[]): Promise<RunState[]> {
  type Details = { workflowId: string; mode: RunState['mode'] };
  const starts = await startsOf<Details>(database, 'fleet-sync.started', runIds);
  const nothing = { vehicles: 0, waiting: 0, inFlight: 0, completed: 0, failed: 0, upToDate: 0 };
  const figures = { plannedRows: 0, rows: 0, bytes: 0, quarantined: 0, withoutFix: 0, warnings: [], eta: null };
  return starts.map(({ runId, actor, at, details: { workflowId, mode } }) => ({
    runId,
    workflowId,
    state: 'running',
    paused: false,
    mode,
    requestedBy: actor,
    startedAt: at.toISOString(),
    finishedAt: null,
    ...nothing,
    ...figures,
  }));
}
