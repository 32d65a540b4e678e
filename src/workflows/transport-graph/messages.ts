export const TRANSPORT_GRAPH_TASK_QUEUE = 'transport-graph';

/** The spec's worker ids of our own stages. */
export const ODATA_SYNC = 'odata-sync-worker';
export const VIRTUAL_ENTITIES = 'virtual-entities-generator';
export const GRAPH_BUILDER = 'graph-builder';

const WORKFLOW_TYPES: Record<string, string> = {
  [ODATA_SYNC]: 'odataSync',
  [VIRTUAL_ENTITIES]: 'virtualEntities',
  [GRAPH_BUILDER]: 'graphBuilder',
};
export const isOwnStage = (workerId: string): boolean => Object.hasOwn(WORKFLOW_TYPES, workerId);
/** The workflow that runs a stage: one of ours, or the general one for stages of an embedding program. */
export const stageWorkflowType = (workerId: string): string =>
  isOwnStage(workerId) ? WORKFLOW_TYPES[workerId]! : 'customStage';

export interface DataProcessed {
  added: number;
  updated: number;
  deleted: number;
}

/** The spec's WorkerExecutionResult; `status` tells a skip from a success, which the spec both call successful. */
export interface StageResult {
  success: boolean;
  workerId: string;
  status: 'success' | 'failed' | 'skipped';
  executionTimeMs: number;
  message: string;
  dataProcessed?: DataProcessed;
  /** What the admin was told although the stage did not fail: its source was away, or what that published waits for an operator. */
  attention?: string;
  error?: { code: string; message: string };
}

export interface StageInput {
  workerId: string;
  /** Run id of the pipeline this stage is part of; null when it was started alone. */
  pipelineRunId: string | null;
  /** Bypasses idempotency; the audit log has who and why. */
  force?: boolean;
}

export interface PipelineInput {
  requestedBy?: string;
  force?: boolean;
}

export interface PipelineResult {
  success: boolean;
  totalExecutionTimeMs: number;
  workersExecuted: number;
  workerResults: StageResult[];
  error?: string;
}

/** The one sentence for a stage that does not begin, wherever it is told: REST, command, dashboard, records, alerts. */
export const cannotRunMessage = (workerId: string, reason: string): string =>
  `Worker ${workerId} cannot run: ${reason}`;
/** The reason when nobody polls the queue of the stage, with what is to be done. */
export const NO_WORKER = 'no worker; `fleetgraph worker` starts one';

/** One pipeline at a time: the id is fixed. A Schedule appends a timestamp to the ids it starts, so it starts `scheduledPipeline`. */
export const PIPELINE_WORKFLOW_ID = 'transport-graph-pipeline';
export const PIPELINE_SCHEDULE_ID = 'transport-graph-schedule';
export const stageWorkflowId = (workerId: string): string => `transport-graph/${workerId}`;

/** Sends readers to an earlier graph; without a version, to the one before the live one. Who and why go to the audit log. */
export interface SwitchGraphInput {
  version?: string;
  /** The graph that is to be left: when another is live by then, nothing is switched. Without it, whichever is live is left. */
  from?: string;
  actor: string;
  reason: string;
}

export interface SwitchGraphResult {
  from: string;
  to: string;
}

/** One switch by hand at a time. */
export const SWITCH_GRAPH_WORKFLOW_ID = 'transport-graph/switch';
