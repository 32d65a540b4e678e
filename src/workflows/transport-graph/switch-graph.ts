import { proxyActivities } from '@temporalio/workflow';
import type { OperatorActivities } from './activities.ts';
import type { SwitchGraphInput, SwitchGraphResult } from './messages.ts';

/** Tried again only where the answer was lost or a server was away; what is refused is refused. */
const switching = proxyActivities<OperatorActivities>({
  startToCloseTimeout: '1 minute',
  retry: {
    initialInterval: '500 milliseconds',
    maximumAttempts: 4,
    nonRetryableErrorTypes: ['GraphUnavailable', 'GraphSuperseded'],
  },
});

export const switchGraph = (input: SwitchGraphInput): Promise<SwitchGraphResult> => switching.rollbackGraph(input);
