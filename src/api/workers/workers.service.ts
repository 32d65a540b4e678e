import { Inject, Injectable } from '@nestjs/common';
import { ScheduleNotFoundError, type WorkflowExecutionStatusName, WorkflowNotFoundError } from '@temporalio/client';
import { readWorkerMetadata } from '../../orchestrator/read-metadata.ts';
import {
  PIPELINE_SCHEDULE_ID,
  PIPELINE_WORKFLOW_ID,
  stageWorkflowId,
} from '../../workflows/transport-graph/messages.ts';
import { Database } from '../core/database.ts';
import { notFound } from '../core/problem.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { isPipelineRunning } from './pipeline-running.ts';
import { type StageRunRow, latestStageRuns, stageRunsOf, startedRun, stopsShort } from './stage-runs.ts';

const LIST = '/api/v1/workers';
const NEXT_RUNS = 3;

type RunStatus = StageRunRow['status'];
const STATUS: Partial<Record<WorkflowExecutionStatusName, RunStatus>> = { RUNNING: 'running', COMPLETED: 'success' };

/** What stages there are and how they ran, from PostgreSQL. */
@Injectable()
export class WorkersService {
  readonly #database: Database;
  readonly #temporal: TemporalGateway;

  constructor(@Inject(Database) database: Database, @Inject(TemporalGateway) temporal: TemporalGateway) {
    this.#database = database;
    this.#temporal = temporal;
  }

  async list(): Promise<object> {
    const stages = await readWorkerMetadata(this.#database.reader);
    const workers = Object.fromEntries(stages.map((stage) => [stage.workerId, stage]));
    return { success: true, workers, count: stages.length };
  }

  async status(workerId: string): Promise<object> {
    const worker = (await readWorkerMetadata(this.#database.reader)).find((stage) => stage.workerId === workerId);
    if (worker === undefined) throw notFound(`worker ${workerId}`, LIST);
    return { success: true, worker };
  }

  /** Throws NotFound. */
  async known(workerId: string): Promise<void> {
    const sql = 'SELECT 1 FROM pipeline_stages WHERE worker_id = $1';
    if ((await this.#database.rows(sql, [workerId])).length === 0) throw notFound(`worker ${workerId}`, LIST);
  }

  async pipelineStatus(): Promise<object> {
    const [stages, isRunning] = await Promise.all([
      this.#database.rows<{ workerId: string }>(
        'SELECT worker_id AS "workerId" FROM pipeline_stages WHERE enabled ORDER BY position',
      ),
      isPipelineRunning(this.#database),
    ]);
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
    return { success: true, runs: await latestStageRuns(this.#database, limit) };
  }

  async run(runId: string): Promise<object> {
    const rows = await stageRunsOf(this.#database, runId);
    if (rows.length > 0) return { success: true, run: describeRun(runId, rows, await this.#stateOf(runId, rows)) };
    const started = await startedRun(this.#database, runId);
    if (started === null) throw notFound(`run ${runId}`, `${LIST}/runs`);
    const { workerId, startedAt } = started;
    const workflowId = workerId === null ? PIPELINE_WORKFLOW_ID : stageWorkflowId(workerId);
    const { status, finishedAt } = await this.#ask(workflowId, runId);
    return { success: true, run: { runId, workerId, status, startedAt, finishedAt, workerResults: [] } };
  }

  async #stateOf(runId: string, rows: StageRunRow[]): Promise<RunStatus> {
    if (await this.#goesOn(runId, rows)) return 'running';
    if (rows[0]?.pipelineRunId !== runId) return rows[0]!.status;
    if (rows.some(({ status, critical }) => status === 'failed' && critical)) return 'failed';
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

  /** Between two stages none is running, and the pipeline is. */
  async #goesOn(runId: string, rows: StageRunRow[]): Promise<boolean> {
    if (rows.some(({ status }) => status === 'running')) return true;
    return rows[0]?.pipelineRunId === runId && (await isPipelineRunning(this.#database, runId));
  }
}

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
