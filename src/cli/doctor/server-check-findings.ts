import { readLastChecks } from '../../records/server-checks.ts';
import { readSettings } from '../../records/settings.ts';
import type { Session } from '../session.ts';
import type { Finding } from './finding.ts';

/** Finds servers that fail their health check. While no sync uses a server, nothing else tells. */
export async function serverCheckFindings({ postgres }: Session): Promise<Finding[]> {
  return [...(await readLastChecks(postgres, await readSettings(postgres)))].flatMap(
    ([serverId, { failure, failingSince }]): Finding[] =>
      failure === null
        ? []
        : [
            {
              severity: 'problem',
              subject: `health check of ${serverId}`,
              found: `fails since ${failingSince?.toISOString()}: ${failure.code}: ${failure.message}`,
              remedy: `npm run fleetgraph -- servers test ${serverId} shows what it answers now; the next check, or a change of the server, ends this`,
            },
          ],
  );
}
