import { Inject, Injectable } from '@nestjs/common';
import {
  ApplicationFailure,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { askForUnplannedRun } from '../../client/unplanned-run.ts';
import { firstRunIdOf } from '../../connections/temporal-chain.ts';
import { IS_OPEN } from '../../connections/temporal-status.ts';
import { readThroughput } from '../../records/import-ledger.ts';
import { readTimeline } from '../../records/run-timeline.ts';
import { type RunState, findPlannedRun, latestRuns, runningUnder } from '../../records/sync-runs.ts';
import { type VehicleSync, failedVehicles, listVehicleSyncs } from '../../records/vehicle-syncs.ts';
import { WorkerPoolManager } from '../../client/worker-pool-manager.ts';
import type { ProgressStore } from '../../records/progress.ts';
import { Failure } from '../../errors.ts';
import {
  type FleetSyncInput,
  LEGACY_SYNC_TASK_QUEUE,
  sliceLabel,
  tableSliceSyncWorkflowId,
  vehicleSyncWorkflowId,
} from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../core/actor.ts';
import { type Answer, accepted } from '../core/answer.ts';
import { NOBODY } from '../../orchestrator/or-nobody.ts';
import { Attendance, noWorker } from '../core/attendance.ts';
import type { AuditAction } from '../../records/audit-log.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { RecentReads } from '../core/recent-reads.ts';
import { numberCursor, pageOf, placeCursor, timeCursor } from '../core/pages.ts';
import { Problem, notFound } from '../core/problem.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { PROGRESS } from '../core/tokens.ts';
import { findStartedRun, waitingRuns } from './unplanned-runs.ts';
import { type WorkerSlot, readSlots } from './worker-slots.ts';

/** Many clients that watch one run within this time cause one read. */
const FRESH_MS = 500;
/** At most this many waiting runs are listed, the latest ones. */
const MOST_WAITING = 20;
/** Steering waits for a worker to take the request, which takes longer than Temporal itself may. */
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
  /** false: Temporal does it without a worker. */
  needsWorker?: boolean;
}

export interface RunView {
  run: RunState;
  /** false: Redis does not answer, and the figures are those of the last committed range. */
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
  readonly #views = new RecentReads({ recentMs: FRESH_MS });

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
        (await runningUnder(this.#database.reader, error.workflowId)) ?? (await this.#waitingUnder(error.workflowId));
      const link = runId === null ? '/api/v1/legacy-sync/runs?state=running' : runLink(runId);
      throw new Problem('AlreadyRunning', `A sync of ${subject} is already running.`, { link });
    }
  }

  async list({ limit, after, state }: Page & { state?: string | undefined }): Promise<object> {
    const cursor = timeCursor(after);
    // Waiting runs are read first. A run that is planned in between is then found twice, but never missed.
    const waiting = state === undefined || state === 'running' ? await this.#waiting() : [];
    const planned = await latestRuns(this.#database.reader, { limit: limit + 1, state: state ?? null, ...cursor });
    const known = new Set(planned.map(({ runId }) => runId));
    const rows = waiting
      .filter(({ runId, startedAt }) => !known.has(runId) && isBefore(startedAt, cursor.at))
      .concat(planned)
      .toSorted((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt));
    return pageOf('runs', rows, limit, ({ startedAt, runId }) => `${startedAt}_${runId}`);
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
    const rows = await listVehicleSyncs(this.#database.reader, runId, filter);
    return pageOf(
      'vehicles',
      rows.map((sync) => withWorkflow(runId, sync)),
      limit,
      ({ vehicleId }) => vehicleId,
    );
  }

  async throughput(runId: string, points: number): Promise<object> {
    const { startedAt, finishedAt } = await this.#find(runId);
    const end = finishedAt === null ? Date.now() : Date.parse(finishedAt);
    const bucketSeconds = Math.max(1, Math.ceil((end - Date.parse(startedAt)) / 1000 / points));
    return { success: true, bucketSeconds, points: await readThroughput(this.#database.reader, runId, bucketSeconds) };
  }

  async timeline(runId: string, { limit, after, since }: Page & { since?: string | undefined }): Promise<object> {
    await this.#find(runId);
    const filter = { limit: limit + 1, after: placeCursor(after), since: since === undefined ? null : new Date(since) };
    const found = await readTimeline(this.#database.reader, runId, filter);
    const bars = found.bars.map(({ vehicle, slice, ...bar }) => ({
      name: slice === null ? (vehicle?.label ?? '') : sliceLabel(slice),
      vehicleId: vehicle?.vehicleId ?? null,
      ...bar,
    }));
    const cursorOf = ({ slot, sequence }: (typeof bars)[number]) => `${slot}_${sequence}`;
    return { ...pageOf('bars', bars, limit, cursorOf), since: found.since };
  }

  async pause(runId: string, actor: Actor, reason?: string): Promise<object> {
    await this.#steer('fleet-sync.pause', runId, { actor, reason }, () => this.#manager.pause(runId));
    return { success: true, runId, paused: true };
  }

  async resume(runId: string, actor: Actor, reason?: string): Promise<object> {
    await this.#steer('fleet-sync.resume', runId, { actor, reason }, () => this.#manager.resume(runId));
    return { success: true, runId, paused: false };
  }

  async setMaxWorkers(
    { runId, maxWorkers }: { runId: string; maxWorkers: number },
    actor: Actor,
    reason?: string,
  ): Promise<object> {
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
    const vehicleIds = await failedVehicles(this.#database.reader, runId);
    if (vehicleIds.length === 0) {
      throw new Problem('WrongState', `Retrying run ${runId}: no enabled vehicle has failed in it.`, {
        link: runLink(runId),
      });
    }
    return this.start({ selection: { kind: 'list', vehicleIds }, mode }, actor, reason);
  }

  /** Runs that were started through the API and that no worker has planned yet; none while Temporal does not answer. */
  async #waiting(): Promise<RunState[]> {
    const running = await this.#temporal.glance(runningFleetSyncs);
    return waitingRuns(this.#database.reader, running ?? []);
  }

  async #waitingUnder(workflowId: string): Promise<string | null> {
    const running = await this.#temporal.glance((client) => client.workflow.getHandle(workflowId).describe());
    return running === undefined ? null : firstRunIdOf(running);
  }

  /** Finds a run. Temporal tells whether a run that no worker has planned still waits for one. Throws NotFound. */
  async #find(runId: string): Promise<RunState> {
    const planned = await findPlannedRun(this.#database.reader, runId);
    if (planned !== null) return planned;
    const started = await findStartedRun(this.#database.reader, runId);
    if (started === null) throw notFound(`run ${runId}`, '/api/v1/legacy-sync/runs');
    return { ...started, ...(await this.#temporal.glance((client) => askForUnplannedRun(client, started))) };
  }

  async #steer(
    action: AuditAction,
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
      if (error instanceof Failure && error.code === 'WrongState')
        throw new Problem('WrongState', error.message, { link: runLink(runId) });
      if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)
        throw refuse(error.cause.message);
      throw error;
    }
  }
}

/** Adds the workflow id, under which Temporal shows the vehicle's sync. */
export const withWorkflow = <T extends Pick<VehicleSync, 'vehicleId' | 'slice'>>(
  runId: string,
  sync: T,
): T & { workflowId: string } => ({ ...sync, workflowId: workflowOf({ runId, ...sync }) });

/** The workflow that synced a vehicle in a run: its own, or its slice's. */
export const workflowOf = ({
  runId,
  vehicleId,
  slice,
}: Pick<VehicleSync, 'vehicleId' | 'slice'> & { runId: string }): string =>
  slice === null ? vehicleSyncWorkflowId(vehicleId) : tableSliceSyncWorkflowId({ runId, ...slice });

/** Ids of the fleet syncs that are running. They are few: one for each selection that is being synced. */
async function runningFleetSyncs(client: Client): Promise<string[]> {
  const runIds: string[] = [];
  const query = `WorkflowType = 'fleetSync' AND ${IS_OPEN}`;
  for await (const { runId } of client.workflow.list({ query })) {
    if (runIds.push(runId) >= MOST_WAITING) break;
  }
  return runIds;
}

const isBefore = (time: string, cursor: string | null): boolean =>
  cursor === null || Date.parse(time) < Date.parse(cursor);

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
    case 'server':
      return `${selection.first === undefined ? 'all' : `the first ${selection.first}`} vehicles of ${selection.serverId} (${mode})`;
  }
}
