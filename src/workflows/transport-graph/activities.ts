/**
 * What the transport-graph workflows ask of the outside world. As in legacy-sync/activities.ts: owned here, implemented by activities;
 * ids and dataset versions are decimal strings, times ISO 8601, durations milliseconds.
 */
import type { AlertActivities, AlertInput } from '../alert-contract.ts';
import type { DataProcessed, StageResult, SwitchGraphInput, SwitchGraphResult } from './messages.ts';

/** A stage as the pipeline knows it. */
export interface PipelineStage {
  workerId: string;
  workerName: string;
  /** A critical stage that fails stops the pipeline. */
  critical: boolean;
  /** Of all attempts with the waits between them. A worker of the release before leaves it out. */
  executionTimeoutMs?: number;
}

export interface StageDefinition extends PipelineStage {
  attempts: number;
  /** Of one attempt. */
  timeoutMs: number;
  /** Of all attempts with the waits between them. */
  executionTimeoutMs: number;
  /** An attempt without a heartbeat for this long counts as lost. */
  heartbeatTimeoutMs: number;
  /** Before the second attempt. */
  retryWaitMs: number;
  /** How many times as long before the third: 5 makes 1 min, 5 min. */
  retryCoefficient: number;
  /** How long the program behind `taskQueue` may take to begin. */
  workerPatienceMs: number;
  /** null for a stage of ours; else the queue that the embedding process polls. */
  taskQueue: string | null;
}

export interface BeginStageInput {
  workerId: string;
  workflowId: string;
  workflowRunId: string;
  pipelineRunId: string | null;
  force: boolean;
}

/** `cannot run` says why in the spec's words; `run` comes with the stage's row in `stage_runs`. */
export type StageAdmission = { decision: 'run'; stage: StageDefinition } | { decision: 'cannot-run'; reason: string };

export interface StageWork {
  workerId: string;
  workflowRunId: string;
  force: boolean;
}

/** What a stage's one long activity answers; a failure is thrown with its code. */
export interface StageOutcome {
  status: 'success' | 'skipped';
  message: string;
  datasetVersion: string | null;
  dataProcessed: DataProcessed;
  /** What the admin must know although nothing failed; two alerts with one key are sent once. */
  alert?: Omit<AlertInput, 'workerId'>;
}

export interface EndStageInput {
  workflowRunId: string;
  status: 'success' | 'failed' | 'skipped';
  message: string;
  failureCode: string | null;
  outcome: StageOutcome | null;
}

/** A stage of a pipeline that did not begin: `message` says why, in the words of `cannot run`. */
export interface RefuseStageInput {
  workerId: string;
  workflowId: string;
  /** Made up, as there is no such run. */
  workflowRunId: string;
  pipelineRunId: string;
  message: string;
}

/** `none`: no stage of that pipeline runs under its id, or it left no result. */
export type FollowedStage = { state: 'none' } | { state: 'running' } | { state: 'ended'; result: StageResult };

export interface PipelineActivities extends AlertActivities {
  /** What became of a stage that an earlier run of this pipeline, before a reset, has begun. */
  followStage(input: { workerId: string; pipelineRunId: string }): Promise<FollowedStage>;
  readStages(): Promise<PipelineStage[]>;
  beginStage(input: BeginStageInput): Promise<StageAdmission>;
  endStage(input: EndStageInput): Promise<void>;
  refuseStage(input: RefuseStageInput): Promise<void>;
}

export interface StageActivities {
  syncOdata(work: StageWork): Promise<StageOutcome>;
  generateVirtualEntities(work: StageWork): Promise<StageOutcome>;
  buildGraph(work: StageWork): Promise<StageOutcome>;
}

/** Implemented by the process that embeds fleetgraph and registered a stage of its own. */
export interface CustomStageActivities {
  runStage(work: StageWork): Promise<StageOutcome>;
}

/** Activities that an operator asks for by hand. */
export interface OperatorActivities {
  rollbackGraph(input: SwitchGraphInput & { request?: string }): Promise<SwitchGraphResult>;
}
