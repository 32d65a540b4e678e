/**
 * What the transport-graph workflows ask of the outside world. As in legacy-sync/activities.ts: owned here, implemented by activities;
 * ids and dataset versions are decimal strings, times ISO 8601, durations milliseconds.
 */
import type { DataProcessed, SwitchGraphInput, SwitchGraphResult } from './messages.ts';

/** A stage as the pipeline knows it. */
export interface PipelineStage {
  workerId: string;
  workerName: string;
  /** A critical stage that fails stops the pipeline. */
  critical: boolean;
}

export interface StageDefinition extends PipelineStage {
  attempts: number;
  /** Of one attempt. */
  timeoutMs: number;
  /** An attempt that gave no sign of life for this long is lost. */
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
  /** What the admin has to know although nothing failed; the same key twice is one alert. */
  alert?: { subject: string; message: string; dedupeKey: string };
}

export interface EndStageInput {
  workflowRunId: string;
  status: 'success' | 'failed' | 'skipped';
  message: string;
  failureCode: string | null;
  outcome: StageOutcome | null;
}

export interface AlertInput {
  workerId: string;
  subject: string;
  message: string;
  /** The same key twice is one alert. */
  dedupeKey: string;
}

export interface PipelineActivities {
  readStages(): Promise<PipelineStage[]>;
  beginStage(input: BeginStageInput): Promise<StageAdmission>;
  endStage(input: EndStageInput): Promise<void>;
  /** Never fails the run: what could not be delivered is recorded. */
  raiseAlert(input: AlertInput): Promise<void>;
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

/** What an operator asks for by hand. */
export interface OperatorActivities {
  rollbackGraph(input: SwitchGraphInput): Promise<SwitchGraphResult>;
}
