import { readDoubts } from '../../records/mapping-doubts.ts';
import type { Session } from '../session.ts';
import type { Finding } from './finding.ts';

/** Finds mappings that the rows contradict. No vehicle fails by it: its rows arrive, and mean something else. */
export async function mappingFindings({ postgres }: Session): Promise<Finding[]> {
  return (await readDoubts(postgres)).map(({ serverId, found }) => ({
    severity: 'problem',
    subject: `mapping of ${serverId}`,
    found,
    remedy: `correct columns or timeZone: npm run fleetgraph -- servers put <file>; rows that came before stay as they are. \`servers inspect\` shows what it would map`,
  }));
}
