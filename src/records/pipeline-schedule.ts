import { type Client, type ScheduleDescription, ScheduleNotFoundError } from '@temporalio/client';
import { PIPELINE_SCHEDULE_ID } from '../workflows/transport-graph/messages.ts';

/** The schedule of the pipeline as Temporal has it; null when it has none. */
export async function describeSchedule(client: Client): Promise<ScheduleDescription | null> {
  try {
    return await client.schedule.getHandle(PIPELINE_SCHEDULE_ID).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}
