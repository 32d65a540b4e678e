import { createHash } from 'node:crypto';
import {
  type Client,
  type WorkflowHandle,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  isGrpcServiceError,
} from '@temporalio/client';
import type pg from 'pg';
import type { ProgressStore, SlotProgress } from '../records/progress.ts';
import { Failure } from '../errors.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { readSettings, writeSetting } from '../records/settings.ts';
import type { fleetSync } from '../workflows/legacy-sync/fleet-sync.ts';
import {
  type FleetSyncInput,
  type FleetSyncResult,
  LEGACY_SYNC_TASK_QUEUE,
  fleetSyncWorkflowId,
  pauseUpdate,
  resumeUpdate,
  setMaxWorkersUpdate,
} from '../workflows/legacy-sync/messages.ts';
import { type RunState, findPlannedRun, isRunId, readRun, unknownRun } from '../records/sync-runs.ts';
import { type VehicleSync, readVehicleSyncs } from '../records/vehicle-syncs.ts';
import { resultOfChain } from '../connections/temporal-chain.ts';
import { type PausedWork, pausedWork } from './paused-work.ts';
import { stateInTemporal } from './unplanned-run.ts';

/** The spec's names. Times in milliseconds, memory in megabytes. */
export interface WorkerPoolConfig {
  maxWorkers: number;
  workerTimeout: number;
  retryAttempts: number;
  resourceLimits?: { maxMemoryMB: number; maxCpuPercent: number };
}

/** How one vehicle of a run ended, or where it stands. `workerId` is the worker slot's number, null before a slot took it. */
export interface WorkerResult extends Omit<VehicleSync, 'slot'> {
  workerId: number | null;
}

export interface RunStatus extends RunState {
  /** At most 2 s old; empty when Redis does not answer. */
  workers: SlotProgress[];
}

export interface StartedRun {
  runId: string;
  workflowId: string;
  result(): Promise<FleetSyncResult>;
}

/** A worker takes an update within milliseconds, but a run that is being planned answers only when planning has ended. */
const STEERING_MS = 60_000;

export interface WorkerPoolManagerOptions {
  temporal: Client;
  postgres: pg.Pool;
  progress: ProgressStore;
  /** How long an order to a running sync may take. */
  steeringMs?: number;
}

const CONFIG_SETTINGS = {
  maxWorkers: 'legacy_sync.worker_pool.max_workers',
  workerTimeout: 'legacy_sync.worker_pool.worker_timeout_ms',
  retryAttempts: 'legacy_sync.worker_pool.retry_attempts',
  maxMemoryMB: 'legacy_sync.resource_limits.max_memory_mb',
  maxCpuPercent: 'legacy_sync.resource_limits.max_cpu_percent',
} as const;

/** Starts, watches and steers fleet syncs. Everything durable is in Temporal and PostgreSQL: any number of managers may exist. */
export class WorkerPoolManager {
  readonly #temporal: Client;
  readonly #postgres: pg.Pool;
  readonly #progress: ProgressStore;
  readonly #steeringMs: number;

  constructor({ temporal, postgres, progress, steeringMs = STEERING_MS }: WorkerPoolManagerOptions) {
    this.#temporal = temporal;
    this.#postgres = postgres;
    this.#progress = progress;
    this.#steeringMs = steeringMs;
  }

  async getConfig(): Promise<WorkerPoolConfig> {
    const settings: LegacySyncSettings = await readSettings(this.#postgres);
    return {
      maxWorkers: settings.maxWorkers,
      workerTimeout: settings.workerTimeoutMs,
      retryAttempts: settings.retryAttempts,
      resourceLimits: { maxMemoryMB: settings.maxMemoryMb, maxCpuPercent: settings.maxCpuPercent },
    };
  }

  /** Changes the stored configuration, which running syncs follow within seconds. @throws Failure `InvalidSetting` */
  async configure(change: Partial<WorkerPoolConfig>, by: { actor: string; reason?: string }): Promise<void> {
    const { resourceLimits, ...plain } = change;
    for (const [name, value] of Object.entries({ ...plain, ...resourceLimits })) {
      await writeSetting(this.#postgres, CONFIG_SETTINGS[name as keyof typeof CONFIG_SETTINGS], String(value), by);
    }
  }

  /**
   * Starts a run, or joins the one that is already running over the same selection and mode.
   *
   * @throws WorkflowExecutionAlreadyStartedError with `join: false`, instead of joining
   */
  async start(input: FleetSyncInput, { join = true }: { join?: boolean } = {}): Promise<StartedRun> {
    const workflowId = fleetSyncWorkflowId(scopeOf(input));
    const handle = await this.#temporal.workflow.start<typeof fleetSync>('fleetSync', {
      workflowId,
      workflowIdConflictPolicy: join ? 'USE_EXISTING' : 'FAIL',
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      args: [input],
      staticSummary: `fleet sync of ${describeSelection(input)}, started by ${input.requestedBy ?? 'unknown'}`,
    });
    return this.#started(workflowId, handle.firstExecutionRunId);
  }

  /** A run that a worker has taken up, ended or not. @throws Failure `InvalidSelection` for an unknown run */
  async find(runId: string): Promise<StartedRun> {
    const { workflowId } = await readRun(this.#postgres, runId);
    return this.#started(workflowId, runId);
  }

  #started(workflowId: string, runId: string): StartedRun {
    return { runId, workflowId, result: () => resultOfChain<FleetSyncResult>(this.#temporal, workflowId, runId) };
  }

  async status(runId: string): Promise<RunStatus> {
    const [run, workers] = await Promise.all([
      readRun(this.#postgres, runId),
      this.#progress.read(runId).catch((): SlotProgress[] => []),
    ]);
    return { ...run, workers };
  }

  async results(runId: string): Promise<WorkerResult[]> {
    const syncs = await readVehicleSyncs(this.#postgres, runId);
    return syncs.map(({ slot, ...sync }) => ({ workerId: slot, ...sync }));
  }

  async pause(runId: string): Promise<void> {
    await this.#steer(runId, (handle) => handle.executeUpdate(pauseUpdate));
  }

  async resume(runId: string): Promise<void> {
    await this.#steer(runId, (handle) => handle.executeUpdate(resumeUpdate));
  }

  async setMaxWorkers(runId: string, maxWorkers: number): Promise<void> {
    await this.#steer(runId, (handle) => handle.executeUpdate(setMaxWorkersUpdate, { args: [maxWorkers] }));
  }

  /** Vehicles in flight clean up and end as `failed` with code `Cancelled`. It returns before that. */
  async cancel(runId: string): Promise<void> {
    await (await this.#handleOf(runId)).cancel();
  }

  /** What somebody has paused of a run in Temporal. */
  async paused(runId: string): Promise<PausedWork[]> {
    return pausedWork(this.#temporal, (await readRun(this.#postgres, runId)).workflowId);
  }

  /** @throws Failure `TemporalUnavailable` when no worker has done it in time, `WrongState` for a run that takes no orders */
  async #steer(runId: string, act: (handle: WorkflowHandle<typeof fleetSync>) => Promise<unknown>): Promise<void> {
    const handle = await this.#handleOf(runId);
    try {
      await this.#temporal.withDeadline(Date.now() + this.#steeringMs, () => act(handle));
    } catch (error) {
      if (takesNoUpdates(error)) throw await whyNone(handle, runId, error);
      if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
      throw new Failure(
        'TemporalUnavailable',
        `Steering run ${runId}: no worker has done it within ${this.#steeringMs / 1_000} s, and one that comes may do it yet. Is one running? \`fleetgraph worker\` starts one, and \`cancel\` needs none.`,
        { cause: error },
      );
    }
  }

  async #handleOf(runId: string): Promise<WorkflowHandle<typeof fleetSync>> {
    const run = (await findPlannedRun(this.#postgres, runId)) ?? (await this.#waiting(runId));
    if (run.state !== 'running') {
      throw new Failure(
        'InvalidSelection',
        `Steering run ${runId}: it is ${run.state} since ${run.finishedAt}. Start a new run.`,
      );
    }
    // Without the id of one run, because a run that was reset has another; Temporal refuses when the first is not this one.
    return this.#temporal.workflow.getHandle<typeof fleetSync>(run.workflowId, undefined, {
      firstExecutionRunId: runId,
    });
  }

  /** Only Temporal knows a run that no worker has planned yet. @throws Failure `InvalidSelection` */
  async #waiting(runId: string): Promise<Pick<RunState, 'workflowId' | 'state' | 'finishedAt'>> {
    if (!isRunId(runId)) throw unknownRun(runId);
    const query = `RunId = '${runId}' AND WorkflowType = 'fleetSync'`;
    for await (const { workflowId, status, closeTime } of this.#temporal.workflow.list({ query })) {
      return { workflowId, state: stateInTemporal(status.name), finishedAt: closeTime?.toISOString() ?? null };
    }
    throw unknownRun(runId);
  }
}

const FAILED_PRECONDITION = 9;

/** Temporal takes no update for a workflow that is paused, or whose task fails again and again. */
function takesNoUpdates(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return Number(cause.code) === FAILED_PRECONDITION;
  }
  return false;
}

async function whyNone(handle: WorkflowHandle, runId: string, cause: unknown): Promise<Failure> {
  const { workflowId } = handle;
  const { status } = await handle.describe();
  const why =
    status.name === 'PAUSED'
      ? `it is paused in Temporal and takes no orders. End the pause: temporal workflow unpause -w '${workflowId}'`
      : `its workflow task fails again and again, so it takes no orders. See why: temporal workflow show -w '${workflowId}'; \`fleetgraph doctor\` says what to do`;
  return new Failure('WrongState', `Steering run ${runId}: ${why}.`, { cause });
}

/** `all` for a delta of the whole fleet; else a hash, so that two starts with the same selection are one run. */
export function scopeOf({ selection, mode = 'delta' }: FleetSyncInput): string {
  if (selection.kind === 'all' && mode === 'delta') return 'all';
  const canonical =
    selection.kind === 'list' ? { ...selection, vehicleIds: [...selection.vehicleIds].sort() } : selection;
  return createHash('sha256')
    .update(JSON.stringify([mode, canonical]))
    .digest('hex')
    .slice(0, 16);
}

export function describeSelection({ selection, mode = 'delta' }: FleetSyncInput): string {
  switch (selection.kind) {
    case 'all':
      return `all vehicles (${mode})`;
    case 'list':
      return `${selection.vehicleIds.length} chosen vehicles (${mode})`;
    case 'priority':
      return `vehicles of priority ${selection.atLeast} and above (${mode})`;
    case 'first':
      return `the first ${selection.count} vehicles by priority (${mode})`;
    case 'server':
      return `${selection.first === undefined ? 'all' : `the first ${selection.first}`} vehicles of ${selection.serverId} (${mode})`;
  }
}
