import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import { checkInput, optional, text, textLike } from '../check-input.ts';
import type { OperatorActivities } from './activities.ts';
import type { SwitchGraphInput, SwitchGraphResult } from './messages.ts';

/** Tries again only when the answer was lost or a server was away; a refusal is final. */
const switching = proxyActivities<OperatorActivities>({
  startToCloseTimeout: '1 minute',
  retry: {
    initialInterval: '500 milliseconds',
    maximumAttempts: 4,
    nonRetryableErrorTypes: ['GraphUnavailable', 'GraphSuperseded'],
  },
});

const graphVersion = textLike(/^graph-v[0-9]{1,18}$/, 'a version of the graph, such as graph-v12');

/** An attempt whose answer was lost has switched already: the next one knows it by `request`, and does not switch back. */
export const switchGraph = (input: SwitchGraphInput): Promise<SwitchGraphResult> => {
  checkInput('Starting switchGraph', input, {
    version: optional(graphVersion),
    from: optional(graphVersion),
    actor: text(),
    reason: text(),
  });
  return switching.rollbackGraph({ ...input, request: workflowInfo().firstExecutionRunId });
};
