import { Inject, Injectable } from '@nestjs/common';
import { ScheduleNotFoundError, type WorkflowExecutionStatusName, WorkflowNotFoundError } from '@temporalio/client';
import { type LostStages, findLostStages, readRunningStages } from '../../connections/lost-stages.ts';
import { readWorkerMetadata } from '../../orchestrator/read-metadata.ts';
import type { WorkerMetadata } from '../../orchestrator/types.ts';
import {
  PIPELINE_SCHEDULE_ID,
  PIPELINE_WORKFLOW_ID,
  stageWorkflowId,
} from '../../workflows/transport-graph/messages.ts';
import { Database } from '../core/database.ts';
import { notFound } from '../core/problem.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { type RunningPipeline, runningPipeline, seemsRunning } from './pipeline-running.ts';
import { type StageRunRow, latestStageRuns, stageRunsOf, startedRun, stopsShort } from './stage-runs.ts';

const LIST = '/api/v1/workers';
const NEXT_RUNS = 3;

type RunStatus = StageRunRow['status'];
const STATUS: Partial<Record<WorkflowExecutionStatusName, RunStatus>> = { RUNNING: 'running', COMPLETED: 'success' };

/** What stages there are and how they ran, from PostgreSQL; whether they still run, from Temporal where it answers. */
@Injectable()
export class WorkersService {
  readonly #database: Database;
  readonly #temporal: TemporalGateway;

  constructor(@Inject(Database) database: Database, @Inject(TemporalGateway) temporal: TemporalGateway) {
    this.#database = database;
    this.#temporal = temporal;
  }

  async list(): Promise<object> {
    const stages = await this.#stages();
    const workers = Object.fromEntries(stages.map((stage) => [stage.workerId, stage]));
    return { success: true, workers, count: stages.length };
  }

  async status(workerId: string): Promise<object> {
    const worker = (await this.#stages()).find((stage) => stage.workerId === workerId);
    if (worker === undefined) throw notFound(`worker ${workerId}`, LIST);
    return { success: true, worker };
  }

  /** Throws NotFound. */
  async known(workerId: string): Promise<void> {
    const sql = 'SELECT 1 FROM pipeline_stages WHERE worker_id = $1';
    if ((await this.#database.rows(sql, [workerId])).length === 0) throw notFound(`worker ${workerId}`, LIST);
  }

  async pipelineStatus(): Promise<object> {
    const [stages, running] = await Promise.all([
      this.#database.rows<{ workerId: string }>(
        'SELECT worker_id AS "workerId" FROM pipeline_stages WHERE enabled ORDER BY position',
      ),
      runningPipeline(this.#temporal),
    ]);
    const isRunning = running === undefined ? await seemsRunning(this.#database) : running !== null;
    return { success: true, pipeline: { isRunning, workers: stages.map(({ workerId }) => workerId) } };
  }

  async schedule(): Promise<object> {
    const found = await this.#temporal.call(async (client) => {
      try {
        return await client.schedule.getHandle(PIPELINE_SCHEDULE_ID).describe();
      } catch (error) {
        if (error instanceof ScheduleNotFoundError) return null;
        throw error;
      }
    });
    const nextRuns = found?.info.nextActionTimes.slice(0, NEXT_RUNS).map((time) => time.toISOString()) ?? [];
    return { success: true, schedule: { enabled: found !== null, paused: found?.state.paused ?? false, nextRuns } };
  }

  async latestRuns(limit: number): Promise<object> {
    return { success: true, runs: await latestStageRuns(this.#database, limit, await this.#lost()) };
  }

  async run(runId: string): Promise<object> {
    const [pipeline, lost] = await Promise.all([runningPipeline(this.#temporal), this.#lost()]);
    const rows = await stageRunsOf(this.#database, runId, lost);
    if (rows.length > 0) {
      return { success: true, run: describeRun(runId, rows, await this.#stateOf(runId, rows, pipeline)) };
    }
    if (pipeline?.runId === runId) return { success: true, run: waitingRun(pipeline) };
    const started = await startedRun(this.#database, runId);
    if (started === null) throw notFound(`run ${runId}`, `${LIST}/runs`);
    const { workerId, startedAt } = started;
    const workflowId = workerId === null ? PIPELINE_WORKFLOW_ID : stageWorkflowId(workerId);
    const { status, finishedAt } = await this.#ask(workflowId, runId);
    return { success: true, run: { runId, workerId, status, startedAt, finishedAt, workerResults: [] } };
  }

  async #stages(): Promise<WorkerMetadata[]> {
    return readWorkerMetadata(this.#database.reader, await this.#lost());
  }

  /** Before the rows are read whose fate it tells. */
  async #lost(): Promise<LostStages> {
    const running = await readRunningStages(this.#database.reader);
    if (running.length === 0) return new Map();
    return (await this.#temporal.glance((client) => findLostStages(client, running))) ?? new Map();
  }

  async #stateOf(runId: string, rows: StageRunRow[], pipeline: RunningPipeline | null | undefined): Promise<RunStatus> {
    if (rows[0]?.pipelineRunId !== runId) return rows[0]!.status;
    const goesOn = pipeline === undefined ? await seemsRunning(this.#database, runId) : pipeline?.runId === runId;
    if (goesOn) return 'running';
    // A stage that outlives its pipeline cleans up: the pipeline was terminated.
    if (rows.some(({ status, critical }) => status === 'running' || (status === 'failed' && critical))) return 'failed';
    return (await stopsShort(this.#database, runId))
      ? (await this.#ask(PIPELINE_WORKFLOW_ID, runId)).status
      : 'success';
  }

  /** For a run that left no row that tells: it was ended before its first stage or between two, or no worker has taken it. */
  async #ask(workflowId: string, runId: string): Promise<{ status: RunStatus; finishedAt: string | null }> {
    return this.#temporal.call(async (client) => {
      try {
        const { status, closeTime } = await client.workflow.getHandle(workflowId, runId).describe();
        return { status: STATUS[status.name] ?? 'failed', finishedAt: closeTime?.toISOString() ?? null };
      } catch (error) {
        // Longer ago than Temporal remembers.
        if (error instanceof WorkflowNotFoundError) return { status: 'failed', finishedAt: null };
        throw error;
      }
    });
  }
}

/** A pipeline that has not come to its first stage. */
const waitingRun = ({ runId, startedAt }: RunningPipeline): object => ({
  runId,
  workerId: null,
  status: 'running',
  startedAt: startedAt.toISOString(),
  finishedAt: null,
  workerResults: [],
});

function describeRun(runId: string, rows: StageRunRow[], status: RunStatus): object {
  const alone = rows[0]?.pipelineRunId !== runId;
  const ended = rows.map(({ finishedAt }) => finishedAt).filter((at) => at !== null);
  return {
    runId,
    workerId: alone ? rows[0]!.workerId : null,
    status,
    startedAt: rows[0]!.startedAt.toISOString(),
    finishedAt: status === 'running' ? null : (ended.at(-1)?.toISOString() ?? null),
    workerResults: rows
      .filter((row) => row.status !== 'running')
      .map(({ workerId, status: stage, message, startedAt, finishedAt, added, updated, deleted }) => ({
        success: stage !== 'failed',
        workerId,
        executionTimeMs: (finishedAt ?? startedAt).getTime() - startedAt.getTime(),
        message: message ?? '',
        ...(stage === 'failed' ? { error: message ?? '' } : { dataProcessed: { added, updated, deleted } }),
      })),
  };
}
