import { proxyActivities } from '@temporalio/workflow';
import type { PipelineActivities } from './activities.ts';

/**
 * Short statements on PostgreSQL. A restart is waited out; an outage ends the run, so that it is told and the next one can begin. A stage that
 * ends meanwhile without its record gets it from its own answer, once PostgreSQL is back (src/records/lost-stages.ts).
 */
export const records = proxyActivities<PipelineActivities>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});
