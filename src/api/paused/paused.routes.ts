import { z } from 'zod';
import { route } from '../core/route.ts';
import { success } from '../core/shapes.ts';

export const LIST_PAUSED = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'What somebody has paused in Temporal, and stands still until that is undone',
  description: 'Not the pause of a run or of the schedule, which are told with them. As of up to five seconds ago.',
  answer: success({
    paused: z
      .array(
        z.strictObject({
          workflowId: z.string(),
          runId: z.string(),
          activity: z.string().nullable().meta({ description: 'null: the workflow as a whole.' }),
          since: z.iso.datetime().nullable(),
          by: z.string(),
          reason: z.string().nullable(),
          remedy: z.string().meta({ description: 'The command that ends the pause.' }),
        }),
      )
      .nullable()
      .meta({ description: 'null: Temporal does not tell.' }),
  }),
});
