import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
} from '@temporalio/client';
import type { Logger } from '../logger.ts';
import { describeSchedule } from '../records/pipeline-schedule.ts';
import type { TransportGraphSettings } from '../settings/transport-graph.ts';
import { PIPELINE_SCHEDULE_ID, TRANSPORT_GRAPH_TASK_QUEUE } from '../workflows/transport-graph/messages.ts';

type ScheduleSettings = Pick<TransportGraphSettings, 'scheduleEnabled' | 'scheduleIntervalMs' | 'scheduleCatchUpMs'>;

/**
 * Makes Temporal's schedule what the settings say, and makes it anew when somebody has deleted it. It stays paused when an operator has
 * paused it. Several workers may call it at once, and as often as they like: a schedule that is right is not written.
 */
export async function reconcileSchedule(client: Client, settings: ScheduleSettings, logger: Logger): Promise<void> {
  const handle = client.schedule.getHandle(PIPELINE_SCHEDULE_ID);
  if (!settings.scheduleEnabled) {
    await handle.delete().catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    });
    return;
  }
  const wanted = scheduleOptions(settings);
  const found = await describeSchedule(client);
  if (found === null) {
    await client.schedule.create(wanted).catch((error: unknown) => {
      // Another worker was faster.
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    });
    logger.info({ everyMs: settings.scheduleIntervalMs }, 'the pipeline is scheduled');
  } else if (!isAsWanted(found, settings)) {
    await handle.update(({ state }) => ({ ...wanted, state }));
    logger.info({ everyMs: settings.scheduleIntervalMs }, 'the schedule of the pipeline was changed');
  }
}

/** Whether it runs what it should, when it should. Whether it is paused is the operator's. */
function isAsWanted({ spec, policies, action }: ScheduleDescription, settings: ScheduleSettings): boolean {
  const [interval, ...more] = spec.intervals ?? [];
  return (
    more.length === 0 &&
    interval?.every === settings.scheduleIntervalMs &&
    [spec.calendars, spec.skip].every((times) => (times ?? []).length === 0) &&
    policies.catchupWindow === settings.scheduleCatchUpMs &&
    policies.overlap === ScheduleOverlapPolicy.SKIP &&
    action.workflowType === 'scheduledPipeline' &&
    action.taskQueue === TRANSPORT_GRAPH_TASK_QUEUE
  );
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
