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

export const QUARANTINE_REASONS = route({
  method: 'GET',
  path: 'reasons',
  access: 'viewer',
  summary: 'How many rows are in quarantine, by reason',
  answer: success({ reasons: z.array(z.strictObject({ reason: z.string(), rows: count })) }),
});

const moment = z.iso.datetime().or(z.iso.date());
const redriven = { taken: count, imported: count, duplicates: count, stillQuarantined: count };

export const REDRIVE_MATCHING = route({
  method: 'POST',
  path: 'redrive-matching',
  access: 'operator',
  summary: 'Say which rows of a reason, a vehicle or a span would come in now, or import them',
  body: z.strictObject({
    vehicleId: bigintText.optional(),
    keptFor: z.string().min(1).max(100).optional().meta({ description: 'Those kept for this reason.' }),
    since: moment.optional().meta({ description: 'Those kept since then.' }),
    until: moment.optional().meta({ description: 'Those kept before then.' }),
    dryRun: z.boolean().default(true).meta({ description: 'Change nothing.' }),
    reason: neededReason,
  }),
  answer: success({
    result: z.strictObject({
      ...redriven,
      vehicles: count,
      left: count.meta({ description: 'Vehicles with such rows beyond those that are taken at once.' }),
    }),
  }),
  also: { 409: 'Rows of one of the vehicles are being tried already.' },
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
    result: z.strictObject({ ...redriven, left: count }),
  }),
  also: { 404: 'There is no such vehicle.', 409: 'Its rows are being tried already.' },
});
