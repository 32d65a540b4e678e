import { Inject, Injectable } from '@nestjs/common';
import {
  ApplicationFailure,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { RunState } from '../../client/run-history.ts';
import { WorkerPoolManager } from '../../client/worker-pool-manager.ts';
import type { ProgressStore } from '../../connections/progress.ts';
import { Failure } from '../../errors.ts';
import { type FleetSyncInput, LEGACY_SYNC_TASK_QUEUE } from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../auth/actor.ts';
import { type Answer, accepted } from '../core/answer.ts';
import { Attendance, NOBODY, noWorker } from '../core/attendance.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { createMemo } from '../core/memo.ts';
import { numberCursor, pageOf, timeCursor } from '../core/pages.ts';
import { Problem } from '../core/problem.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { PROGRESS } from '../core/tokens.ts';
import {
  type ListedRun,
  failedVehicles,
  findRun,
  latestRuns,
  runVehicles,
  runningUnder,
  throughput,
  waitingRuns,
} from './run-queries.ts';
import { type WorkerSlot, readSlots } from './worker-slots.ts';

/** Many who watch one run are one question to the servers. */
const FRESH_MS = 500;
/** More of them, and the list has the latest. */
const MOST_WAITING = 20;
/** A worker has to take the request: longer than Temporal itself may need. */
const STEERING_MS = 10_000;

export const runLink = (runId: string): string => `/api/v1/legacy-sync/runs/${runId}`;

interface Page {
  limit: number;
  after?: string | undefined;
}

interface Steering {
  actor: Actor;
  reason?: string | undefined;
  details?: Record<string, unknown>;
  /** false: Temporal does it without one. */
  needsWorker?: boolean;
}

export interface RunView {
  run: RunState;
  /** false: Redis does not tell; what is shown is as of the last committed range. */
  live: boolean;
  workers: WorkerSlot[];
}

/** Starts and steers fleet syncs through Temporal, and reads them from PostgreSQL and Redis. */
@Injectable()
export class RunsService {
  readonly #database: Database;
  readonly #temporal: TemporalGateway;
  readonly #attendance: Attendance;
  readonly #audit: Audit;
  readonly #progress: ProgressStore;
  readonly #manager: WorkerPoolManager;
  readonly #views = createMemo<RunView>(FRESH_MS);

  constructor(
    @Inject(Database) database: Database,
    @Inject(TemporalGateway) temporal: TemporalGateway,
    @Inject(Attendance) attendance: Attendance,
    @Inject(Audit) audit: Audit,
    @Inject(PROGRESS) progress: ProgressStore,
  ) {
    this.#database = database;
    this.#temporal = temporal;
    this.#attendance = attendance;
    this.#audit = audit;
    this.#progress = progress;
    this.#manager = new WorkerPoolManager({ temporal: temporal.client, postgres: database.pool, progress });
  }

  async start(input: FleetSyncInput, actor: Actor, reason?: string): Promise<Answer> {
    const subject = describe(input);
    await this.#audit.record({ actor, action: 'fleet-sync.start', subject, reason, details: { input } });
    try {
      const { runId, workflowId } = await this.#temporal.call(() =>
        this.#manager.start({ ...input, requestedBy: actor.name }, { join: false }),
      );
      const details = { runId, workflowId, mode: input.mode ?? 'delta' };
      await this.#audit.record({ actor, action: 'fleet-sync.started', subject, reason, details });
      return accepted(
        { success: true, message: `The sync of ${subject} has begun.`, runId, link: runLink(runId) },
        runLink(runId),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const runId =
        (await runningUnder(this.#database, error.workflowId)) ?? (await this.#waitingUnder(error.workflowId));
      const link = runId === null ? '/api/v1/legacy-sync/runs?state=running' : runLink(runId);
      throw new Problem('AlreadyRunning', `A sync of ${subject} is already running.`, { link });
    }
  }

  async list({ limit, after, state }: Page & { state?: string | undefined }): Promise<object> {
    const cursor = timeCursor(after);
    // In this order: a run that is planned meanwhile is found twice, and never missed.
    const waiting = state === undefined || state === 'running' ? await this.#waiting() : [];
    const planned = await latestRuns(this.#database, { limit: limit + 1, state: state ?? null, ...cursor });
    const known = new Set(planned.map(({ runId }) => runId));
    const rows = waiting
      .filter(({ runId, startedAt }) => !known.has(runId) && isBefore(startedAt, cursor.at))
      .concat(planned)
      .toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
    return pageOf('runs', rows, limit, (run) => `${run.startedAt.toISOString()}_${run.runId}`);
  }

  async read(runId: string): Promise<object> {
    return { success: true, ...(await this.view(runId)) };
  }

  view(runId: string): Promise<RunView> {
    return this.#views.get(runId, async () => {
      const [run, slots] = await Promise.all([this.#find(runId), readSlots(this.#database, this.#progress, runId)]);
      return { run, ...slots };
    });
  }

  async vehicles(
    runId: string,
    { limit, after, state, status }: Page & { state?: string | undefined; status?: string | undefined },
  ): Promise<object> {
    await this.#find(runId);
    const filter = { limit: limit + 1, after: numberCursor(after), state: state ?? null, status: status ?? null };
    const rows = await runVehicles(this.#database, runId, filter);
    return pageOf('vehicles', rows, limit, ({ vehicleId }) => vehicleId);
  }

  async throughput(runId: string, points: number): Promise<object> {
    const { startedAt, finishedAt } = await this.#find(runId);
    const end = finishedAt === null ? Date.now() : Date.parse(finishedAt);
    const bucketSeconds = Math.max(1, Math.ceil((end - Date.parse(startedAt)) / 1000 / points));
    return { success: true, bucketSeconds, points: await throughput(this.#database, runId, bucketSeconds) };
  }

  async pause(runId: string, actor: Actor, reason?: string): Promise<object> {
    await this.#steer('fleet-sync.pause', runId, { actor, reason }, () => this.#manager.pause(runId));
    return { success: true, runId, paused: true };
  }

  async resume(runId: string, actor: Actor, reason?: string): Promise<object> {
    await this.#steer('fleet-sync.resume', runId, { actor, reason }, () => this.#manager.resume(runId));
    return { success: true, runId, paused: false };
  }

  async setMaxWorkers(runId: string, maxWorkers: number, actor: Actor, reason?: string): Promise<object> {
    const act = { actor, reason, details: { maxWorkers } };
    await this.#steer('fleet-sync.max-workers', runId, act, () => this.#manager.setMaxWorkers(runId, maxWorkers));
    return { success: true, runId, maxWorkers };
  }

  async cancel(runId: string, actor: Actor, reason?: string): Promise<Answer> {
    const act = { actor, reason, needsWorker: false };
    await this.#steer('fleet-sync.cancel', runId, act, () => this.#manager.cancel(runId));
    const message = 'The run is being cancelled: vehicles in flight clean up.';
    return accepted({ success: true, message, runId, link: runLink(runId) }, runLink(runId));
  }

  async retryFailed(runId: string, actor: Actor, reason?: string): Promise<Answer> {
    const { mode } = await this.#find(runId);
    const vehicleIds = await failedVehicles(this.#database, runId);
    if (vehicleIds.length === 0) {
      throw new Problem('WrongState', `Retrying run ${runId}: no enabled vehicle has failed in it.`, {
        link: runLink(runId),
      });
    }
    return this.start({ selection: { kind: 'list', vehicleIds }, mode }, actor, reason);
  }

  /** Runs that were started here and that no worker has planned yet; none while Temporal does not answer. */
  async #waiting(): Promise<ListedRun[]> {
    const running = await this.#temporal.glance(runningFleetSyncs);
    return waitingRuns(this.#database, running ?? []);
  }

  async #waitingUnder(workflowId: string): Promise<string | null> {
    const running = await this.#temporal.glance((client) => client.workflow.getHandle(workflowId).describe());
    return running?.runId ?? null;
  }

  /** Of a run that no worker has planned, Temporal tells whether it still waits for one. Throws NotFound. */
  async #find(runId: string): Promise<RunState> {
    const { run, planned } = await findRun(this.#database, runId);
    if (planned) return run;
    return { ...run, ...(await this.#temporal.glance((client) => endOf(client, run))) };
  }

  async #steer(
    action: string,
    runId: string,
    { actor, reason, details, needsWorker = true }: Steering,
    act: () => Promise<void>,
  ): Promise<void> {
    const run = await this.#find(runId);
    const what = `Steering run ${runId}`;
    const refuse = (why: string): Problem => new Problem('WrongState', `${what}: ${why}.`, { link: runLink(runId) });
    if (run.state !== 'running') throw refuse(`it is ${run.state}`);
    if (needsWorker) await this.#attendance.expectWorker(LEGACY_SYNC_TASK_QUEUE, what);
    else await this.#temporal.ping();
    await this.#audit.record({ actor, action, subject: runId, reason, details: { ...details, runId } });
    const errand = { workflowId: run.workflowId, taskQueue: LEGACY_SYNC_TASK_QUEUE };
    try {
      const result = await this.#attendance.orNobody(this.#temporal.call(act, STEERING_MS), errand);
      if (result === NOBODY) throw noWorker(LEGACY_SYNC_TASK_QUEUE, what, 'It may be done when one is there.');
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw refuse('it has ended meanwhile');
      if (error instanceof Failure && error.code === 'InvalidSelection') throw refuse('it has ended meanwhile');
      if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)
        throw refuse(error.cause.message);
      throw error;
    }
  }
}

const STATE_OF_END: Partial<Record<WorkflowExecutionStatusName, RunState['state']>> = {
  COMPLETED: 'completed',
  CANCELLED: 'cancelled',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  TERMINATED: 'lost',
};

/** Few: one for each selection that is being synced. */
async function runningFleetSyncs(client: Client): Promise<string[]> {
  const runIds: string[] = [];
  const query = `WorkflowType = 'fleetSync' AND ExecutionStatus = 'Running'`;
  for await (const { runId } of client.workflow.list({ query })) {
    if (runIds.push(runId) >= MOST_WAITING) break;
  }
  return runIds;
}

const isBefore = (time: Date, cursor: string | null): boolean => cursor === null || time < new Date(cursor);

/** Nothing while it goes on. */
async function endOf(client: Client, { workflowId, runId }: RunState): Promise<Partial<RunState>> {
  try {
    const { status, closeTime } = await client.workflow.getHandle(workflowId, runId).describe();
    const state = STATE_OF_END[status.name];
    return state === undefined ? {} : { state, finishedAt: closeTime?.toISOString() ?? null };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { state: 'lost' };
    throw error;
  }
}

function describe({ selection, mode = 'delta' }: FleetSyncInput): string {
  switch (selection.kind) {
    case 'all':
      return `all vehicles (${mode})`;
    case 'list':
      return selection.vehicleIds.length === 1
        ? `vehicle ${selection.vehicleIds[0]} (${mode})`
        : `${selection.vehicleIds.length} chosen vehicles (${mode})`;
    case 'priority':
      return `vehicles of priority ${selection.atLeast} and above (${mode})`;
    case 'first':
      return `the first ${selection.count} vehicles (${mode})`;
  }
}
