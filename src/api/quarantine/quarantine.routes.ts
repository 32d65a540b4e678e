import { z } from 'zod';
import { route } from '../core/route.ts';
import { bigintText, count, neededReason, page, pageQuery, success } from '../core/shapes.ts';

const quarantined = z.strictObject({
  id: z.string(),
  vehicleId: z.string(),
  label: z.string(),
  runId: z.string(),
  legacyId: z.string().nullable(),
  reason: z.string(),
  column: z.string().nullable(),
  bytes: count,
  createdAt: z.iso.datetime(),
});

export const LIST_QUARANTINE = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'Rows that could not be imported, the latest first',
  query: pageQuery.extend({ vehicleId: bigintText.optional(), reason: z.string().max(100).optional() }),
  answer: page('rows', quarantined),
});

export const READ_QUARANTINED = route({
  method: 'GET',
  path: ':id',
  access: 'viewer',
  summary: 'One row as it stood in the dump',
  params: z.strictObject({ id: bigintText }),
  answer: success({
    row: quarantined.extend({
      text: z.string().meta({ description: 'As UTF-8; bytes that are none show as U+FFFD.' }),
      base64: z.string().meta({ description: 'The bytes; at most the first 64 KB.' }),
      truncated: z.boolean(),
    }),
  }),
  also: { 404: 'There is no such row.' },
});

export const REDRIVE = route({
  method: 'POST',
  path: 'redrive',
  access: 'operator',
  summary: 'Try rows again, after the mapping or the value policy was mended',
  body: z.strictObject({
    vehicleId: bigintText,
    ids: z
      .array(bigintText)
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'Without: all of the vehicle, 5,000 at once.' }),
    dryRun: z.boolean().optional().meta({ description: 'Say what would come in, and change nothing.' }),
    reason: neededReason,
  }),
  answer: success({
    result: z.strictObject({ taken: count, imported: count, duplicates: count, stillQuarantined: count, left: count }),
  }),
  also: { 404: 'There is no such vehicle.', 409: 'Its rows are being tried already.' },
});
