import { readLastChecks } from '../../records/server-checks.ts';
import type { Session } from '../session.ts';
import type { Finding } from './finding.ts';

/** A server that nothing is synced from now, and that a sync would not reach. */
export async function serverCheckFindings({ postgres }: Session): Promise<Finding[]> {
  return [...(await readLastChecks(postgres))].flatMap(([serverId, { failure, failingSince }]): Finding[] =>
    failure === null
      ? []
      : [
          {
            severity: 'problem',
            subject: `health check of ${serverId}`,
            found: `fails since ${failingSince?.toISOString()}: ${failure.code}: ${failure.message}`,
            remedy: `mend it, then: npm run fleetgraph -- servers test ${serverId}`,
          },
        ],
  );
}
