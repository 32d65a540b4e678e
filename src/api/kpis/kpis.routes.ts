import { z } from 'zod';
import { route } from '../core/route.ts';
import { count, success } from '../core/shapes.ts';

const figure = (description: string) => z.number().nullable().meta({ description });

const kpis = z.strictObject({
  workerUtilisation: figure('Busy slot-seconds over slot-seconds.'),
  secondsPerVehicle: figure('Slot-seconds of what ended well, over the vehicles that were synced.'),
  vehiclesPerHour: figure('Synced vehicles per hour of the runs.'),
  successRate: figure('Share of the planned vehicles that did not fail, those without news included.'),
  sshHealth: figure('Share of the vehicles with news that did not fail for their server.'),
  megabytesPerSecond: figure('10⁶ bytes on the wire per second of the runs.'),
  rowsPerSecond: figure('Rows inserted per second of the runs.'),
});

export const READ_KPIS = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'The key figures of the runs that ended within a window, together and run by run',
  description: 'null: there is nothing to divide by. Cancelled runs are left out. docs/operations.md has the formulas.',
  recent: true,
  query: z.strictObject({ window: z.enum(['24h', '7d', '30d']).default('24h') }),
  answer: success({
    window: z.enum(['24h', '7d', '30d']),
    runs: count,
    kpis,
    errorsBySlot: z.array(z.strictObject({ slot: count, works: count, failed: count })),
    connections: z.array(z.strictObject({ serverId: z.string(), inUse: count, places: count })),
    news: z
      .strictObject({ fresh: count, silent: count, unsynced: count, never: count })
      .meta({ description: 'Enabled vehicles by their newest position; `silent`: synced, and it sends nothing.' }),
    byRun: z
      .array(z.strictObject({ runId: z.string(), workflowId: z.string(), endedAt: z.iso.datetime(), kpis }))
      .meta({ description: 'The newest 500, the oldest of them first.' }),
  }),
});
