import { Inject, Injectable } from '@nestjs/common';
import type { WorkflowExecutionStatusName } from '@temporalio/client';
import { describeChain } from '../../connections/temporal-chain.ts';
import { type LostStages, findLostStages, readRunningStages } from '../../records/lost-stages.ts';
import { seemsRunning, stopsShort } from '../../records/pipeline-runs.ts';
import { describeSchedule } from '../../records/pipeline-schedule.ts';
import { type FoundStage, enabledStages, findStage, stageObstacle } from '../../records/pipeline-stages.ts';
import { type WorkerMetadata, readWorkerMetadata } from '../../records/stage-metadata.ts';
import { PIPELINE_WORKFLOW_ID, cannotRunMessage, stageWorkflowId } from '../../workflows/transport-graph/messages.ts';
import { Database } from '../core/database.ts';
import { Problem, notFound } from '../core/problem.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { executionOfRow } from '../../orchestrator/execution-results.ts';
import { type RunningPipeline, runningPipeline } from './pipeline-running.ts';
import { type StageRunRow, latestStageRuns, stageRunsOf, startedRun } from '../../records/stage-runs.ts';

const LIST = '/api/v1/workers';
const NEXT_RUNS = 3;

type RunStatus = StageRunRow['status'];
const STATUS: Partial<Record<WorkflowExecutionStatusName, RunStatus>> = {
  RUNNING: 'running',
  PAUSED: 'running',
  COMPLETED: 'success',
};

/** Lists the stages and their runs from PostgreSQL. Temporal, when it answers, tells whether they still run. */
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

  /** Throws NotFound when the stage is not registered. */
  async known(workerId: string): Promise<FoundStage> {
    const found = await findStage(this.#database.reader, workerId);
    if (found === null) throw notFound(`worker ${workerId}`, LIST);
    return found;
  }

  /** Throws NotFound, or CannotRun with the reason, before anything is begun: whoever does not wait for the end would not hear of it. */
  async runnable(workerId: string): Promise<void> {
    const reason = stageObstacle(await this.known(workerId));
    if (reason !== null) throw new Problem('CannotRun', `${cannotRunMessage(workerId, reason)}.`);
  }

  async pipelineStatus(): Promise<object> {
    const [stages, running] = await Promise.all([
      enabledStages(this.#database.reader),
      runningPipeline(this.#temporal),
    ]);
    const isRunning = running === undefined ? await seemsRunning(this.#database.reader) : running !== null;
    return { success: true, pipeline: { isRunning, workers: stages.map(({ workerId }) => workerId) } };
  }

  async schedule(): Promise<object> {
    const found = await this.#temporal.call(describeSchedule);
    const nextRuns = found?.info.nextActionTimes.slice(0, NEXT_RUNS).map((time) => time.toISOString()) ?? [];
    return { success: true, schedule: { enabled: found !== null, paused: found?.state.paused ?? false, nextRuns } };
  }

  /** What the stages of a run have written. */
  stagesOf(runId: string): Promise<StageRunRow[]> {
    return stageRunsOf(this.#database.reader, runId, new Map());
  }

  async latestRuns(limit: number): Promise<object> {
    return { success: true, runs: await latestStageRuns(this.#database.reader, limit, await this.#lost()) };
  }

  async run(runId: string): Promise<object> {
    const [pipeline, lost] = await Promise.all([runningPipeline(this.#temporal), this.#lost()]);
    const rows = await stageRunsOf(this.#database.reader, runId, lost);
    if (rows.length > 0) {
      return { success: true, run: describeRun(runId, rows, await this.#stateOf(runId, rows, pipeline)) };
    }
    if (pipeline?.runId === runId) return { success: true, run: waitingRun(pipeline) };
    const started = await startedRun(this.#database.reader, runId);
    if (started === null) throw notFound(`run ${runId}`, `${LIST}/runs`);
    const { workerId, startedAt } = started;
    const workflowId = workerId === null ? PIPELINE_WORKFLOW_ID : stageWorkflowId(workerId);
    const { status, finishedAt } = await this.#ask(workflowId, runId);
    return { success: true, run: { runId, workerId, status, startedAt, finishedAt, workerResults: [] } };
  }

  async #stages(): Promise<WorkerMetadata[]> {
    return readWorkerMetadata(this.#database.reader, await this.#lost());
  }

  /** Call it before reading the rows: a stage writes its end before it ends, so only this order finds lost stages correctly. */
  async #lost(): Promise<LostStages> {
    const running = await readRunningStages(this.#database.reader);
    if (running.length === 0) return new Map();
    return (await this.#temporal.glance((client) => findLostStages(client, running))) ?? new Map();
  }

  async #stateOf(runId: string, rows: StageRunRow[], pipeline: RunningPipeline | null | undefined): Promise<RunStatus> {
    if (rows[0]?.pipelineRunId !== runId) return rows[0]!.status;
    const goesOn =
      pipeline === undefined ? await seemsRunning(this.#database.reader, runId) : pipeline?.runId === runId;
    if (goesOn) return 'running';
    // A stage that still runs after its pipeline has ended is cleaning up: the pipeline was terminated.
    if (rows.some(({ status, critical }) => status === 'running' || (status === 'failed' && critical))) return 'failed';
    return (await stopsShort(this.#database.reader, runId))
      ? (await this.#ask(PIPELINE_WORKFLOW_ID, runId)).status
      : 'success';
  }

  /** For a run whose rows do not tell how it ended: it ended before its first stage or between two, or no worker has taken it. */
  async #ask(workflowId: string, runId: string): Promise<{ status: RunStatus; finishedAt: string | null }> {
    return this.#temporal.call(async (client) => {
      const found = await describeChain(client, workflowId, runId);
      // Temporal no longer knows the run.
      if (found === null) return { status: 'failed', finishedAt: null };
      return { status: STATUS[found.status.name] ?? 'failed', finishedAt: found.closeTime?.toISOString() ?? null };
    });
  }
}

/** A pipeline that has not reached its first stage. */
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
    workerResults: rows.filter((row) => row.status !== 'running').map(executionOfRow),
  };
}
