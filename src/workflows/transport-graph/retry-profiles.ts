import { proxyActivities } from '@temporalio/workflow';
import type { PipelineActivities } from './activities.ts';

/** Short statements on PostgreSQL that must happen, however long it is away; an alert is sent once whatever becomes of it. */
export const records = proxyActivities<PipelineActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});
