import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
} from '@temporalio/client';
import type { Logger } from '../logger.ts';
import type { TransportGraphSettings } from '../settings/transport-graph.ts';
import { PIPELINE_SCHEDULE_ID, TRANSPORT_GRAPH_TASK_QUEUE } from '../workflows/transport-graph/messages.ts';

type ScheduleSettings = Pick<TransportGraphSettings, 'scheduleEnabled' | 'scheduleIntervalMs' | 'scheduleCatchUpMs'>;

/** Makes Temporal's schedule what the settings say. Whether it is paused is the operator's word and stays as it is. */
export async function reconcileSchedule(client: Client, settings: ScheduleSettings, logger: Logger): Promise<void> {
  const handle = client.schedule.getHandle(PIPELINE_SCHEDULE_ID);
  if (!settings.scheduleEnabled) {
    await handle.delete().catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    });
    return;
  }
  const wanted = scheduleOptions(settings);
  try {
    await client.schedule.create(wanted);
    logger.info({ everyMs: settings.scheduleIntervalMs }, 'the pipeline is scheduled');
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await handle.update(({ state }) => ({ ...wanted, state }));
  }
}

function scheduleOptions({ scheduleIntervalMs, scheduleCatchUpMs }: ScheduleSettings): ScheduleOptions {
  return {
    scheduleId: PIPELINE_SCHEDULE_ID,
    spec: { intervals: [{ every: scheduleIntervalMs }] },
    // The default catch-up is a year: after an outage every missed run would start.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: scheduleCatchUpMs },
    action: {
      type: 'startWorkflow',
      workflowType: 'scheduledPipeline',
      taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
      staticSummary: 'scheduled: OData → virtual entities → graph',
      args: [],
    },
  };
}
