import type { WorkflowExecutionStatusName } from '@temporalio/client';

/** An operator may pause a workflow in Temporal: it then goes on when it is unpaused, and is as open as one that runs. */
export const isOpen = (status: WorkflowExecutionStatusName): boolean => status === 'RUNNING' || status === 'PAUSED';

/** The same as a condition of a visibility query. */
export const IS_OPEN = `ExecutionStatus IN ('Running', 'Paused')`;

/** A condition of a visibility query: workflows whose task fails again and again, for ever. They say that they run. */
export const IS_WEDGED = `${IS_OPEN} AND TemporalReportedProblems IS NOT NULL`;
