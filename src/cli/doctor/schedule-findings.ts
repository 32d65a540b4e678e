import { describeSchedule } from '../../records/pipeline-schedule.ts';
import { readTransportGraphSettings } from '../../records/settings.ts';
import { PIPELINE_SCHEDULE_ID } from '../../workflows/transport-graph/messages.ts';
import type { Finding } from './finding.ts';
import type { Session } from '../session.ts';

/** What keeps the pipeline from running by itself: a schedule that is gone, or that an operator has paused. */
export async function scheduleFindings({
  postgres,
  temporal,
}: Pick<Session, 'postgres' | 'temporal'>): Promise<Finding[]> {
  // Settings that cannot be read are told by another check.
  const settings = await readTransportGraphSettings(postgres).catch(() => null);
  if (settings === null || !settings.scheduleEnabled || settings.odataUrl === '') return [];
  const subject = `schedule ${PIPELINE_SCHEDULE_ID}`;
  const schedule = await describeSchedule((await temporal()).client);
  if (schedule === null) {
    const remedy =
      'a running worker of the role transport-graph makes it anew by itself: if none runs, start one: npm run fleetgraph -- worker; ' +
      'for no schedule: npm run fleetgraph -- settings set transport_graph.schedule.enabled false';
    return [
      { severity: 'problem', subject, found: 'Temporal has none, so the pipeline does not run by itself', remedy },
    ];
  }
  if (!schedule.state.paused) return [];
  const note = schedule.state.note ? `: ${schedule.state.note}` : '';
  const remedy = `temporal schedule toggle --schedule-id ${PIPELINE_SCHEDULE_ID} --unpause --reason "…"`;
  return [{ severity: 'notice', subject, found: `it is paused${note}`, remedy }];
}
