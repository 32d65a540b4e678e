import type { WorkflowExecutionStatusName } from '@temporalio/client';

/** An operator may pause a workflow in Temporal: it then goes on when it is unpaused, and is as open as one that runs. */
export const isOpen = (status: WorkflowExecutionStatusName): boolean => status === 'RUNNING' || status === 'PAUSED';

/** The same as a condition of a visibility query. */
export const IS_OPEN = `ExecutionStatus IN ('Running', 'Paused')`;
