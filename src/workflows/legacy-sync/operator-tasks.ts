import { proxyActivities } from '@temporalio/workflow';
import { checkInput, flag, listOf, object, optional, text, vehicleIdText } from '../check-input.ts';
import type { OperatorActivities } from './activities.ts';
import type { DiscoveryInput, DiscoveryResult, InspectionInput, InspectionResult } from './inspection.ts';
import type { RedriveInput, RedriveResult, ServerTest } from './messages.ts';

/** An operator waits for the answer, so there is one attempt with a short limit. */
const asked = proxyActivities<Pick<OperatorActivities, 'testServer' | 'checkServer'>>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
});

/** Looking through a server takes a statement or two per table, each of two minutes at most. */
const looking = proxyActivities<Pick<OperatorActivities, 'inspectServer' | 'discoverVehicles'>>({
  startToCloseTimeout: '4 minutes',
  retry: { maximumAttempts: 1 },
});

const importing = proxyActivities<Pick<OperatorActivities, 'redriveQuarantine'>>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1 second', maximumAttempts: 5 },
});

/** Does at a legacy server what a sync does there, up to the dump. */
export const testServer = (serverId: string): Promise<ServerTest> => {
  checkInput('Starting testServer', { serverId }, { serverId: text() });
  return asked.testServer(serverId);
};

/**
 * The name of `testServer` in the release before this one, with the activity's name of then, so that a test that was begun under it ends.
 * An API of that release also still starts it. The next release removes both.
 */
export const checkServer = (serverId: string): Promise<ServerTest> => asked.checkServer(serverId);

/** Tries rows in quarantine again, after the mapping or the value policy was mended. */
export const redriveQuarantine = (input: RedriveInput): Promise<RedriveResult> => {
  checkInput('Starting redriveQuarantine', input, {
    vehicleId: vehicleIdText,
    ids: optional(listOf(vehicleIdText)),
    dryRun: optional(flag),
  });
  return importing.redriveQuarantine(input);
};

/** Looks at a server of which only a login is known. Its input names where secrets lie, and holds none: histories are readable. */
export const inspectServer = (input: InspectionInput): Promise<InspectionResult> => {
  checkInput('Starting inspectServer', input, { server: object, database: optional(text()), table: optional(text()) });
  return looking.inspectServer(input);
};

/** Looks for the vehicles of a server that is configured, and adds those that are new if it is told to. */
export const discoverVehicles = (input: DiscoveryInput): Promise<DiscoveryResult> => {
  checkInput('Starting discoverVehicles', input, { serverId: text(), add: flag, actor: text(), reason: text() });
  return looking.discoverVehicles(input);
};
