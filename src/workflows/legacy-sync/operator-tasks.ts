import { proxyActivities } from '@temporalio/workflow';
import type { OperatorActivities } from './activities.ts';
import type { RedriveInput, RedriveResult, ServerCheck } from './messages.ts';

/** Somebody waits for the answer: once, and soon. */
const asked = proxyActivities<Pick<OperatorActivities, 'checkServer'>>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
});

const importing = proxyActivities<Pick<OperatorActivities, 'redriveQuarantine'>>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1 second', maximumAttempts: 5 },
});

/** Goes the way a sync goes, short of dumping. */
export const checkServer = (serverId: string): Promise<ServerCheck> => asked.checkServer(serverId);

/** Tries rows in quarantine again, after the mapping or the value policy was mended. */
export const redriveQuarantine = (input: RedriveInput): Promise<RedriveResult> => importing.redriveQuarantine(input);
