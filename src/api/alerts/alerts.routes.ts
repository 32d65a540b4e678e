import { z } from 'zod';
import { route } from '../core/route.ts';
import { success } from '../core/shapes.ts';

export const LIST_OPEN_ALERTS = route({
  method: 'GET',
  path: 'open',
  access: 'viewer',
  summary: 'What the admin was told of and is not over: of the legacy sync and of the transport graph',
  description: 'The oldest first. As of up to a second ago.',
  answer: success({
    alerts: z.array(
      z.strictObject({
        kind: z.string().meta({ description: 'The name of its entry in docs/operations.md.', example: 'circuit-open' }),
        about: z.string().meta({ description: 'A legacy server, a fleet sync, a stage, a dataset.' }),
        level: z.enum(['warning', 'critical']),
        subject: z.string(),
        message: z.string(),
        at: z.iso.datetime().meta({ description: 'When it began; of the transport graph, when it was told last.' }),
      }),
    ),
  }),
});
