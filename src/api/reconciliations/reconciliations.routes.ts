import { z } from 'zod';
import { route } from '../core/route.ts';
import { bigintText, count, failure, neededReason, page, pageQuery, reason, success } from '../core/shapes.ts';
import { selection } from '../runs/runs.routes.ts';

const reconciliationId = z.uuid();
const one = z.strictObject({ reconciliationId });
const day = z.iso.date();

const comparedRows = {
  sourceRows: count,
  targetRows: count,
  missing: count,
  changed: count,
  extra: count,
  quarantined: count,
};

const reconciliation = z.strictObject({
  reconciliationId,
  workflowId: z.string(),
  selection: z.looseObject({ kind: z.string() }),
  from: day.nullable(),
  to: day.nullable(),
  requestedBy: z.string(),
  state: z.enum(['running', 'completed', 'cancelled', 'failed']),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  vehicles: count,
  compared: count,
  failed: count,
  ...comparedRows,
  differingDays: count,
  repairedDays: count,
});

const vehicle = z.strictObject({
  vehicleId: z.string(),
  label: z.string(),
  serverId: z.string(),
  state: z.enum(['planned', 'compared', 'failed']),
  method: z
    .enum(['sql', 'rows'])
    .nullable()
    .meta({ description: '`sql`: each side hashed its rows by itself; `rows`: they were read and converted again.' }),
  unsaid: z.array(z.string()).meta({ description: 'Fields that MySQL cannot read as an import does.' }),
  ...comparedRows,
  findings: z.array(z.string()).meta({ description: 'What the differences are, in words.' }),
  failure: failure.nullable(),
  comparedAt: z.iso.datetime().nullable(),
});

const ids = z.array(z.string());
const rowKey = z.array(z.strictObject({ id: z.string(), time: z.string() }));
const differingDay = z.strictObject({
  day: z.string().meta({ description: 'YYYY-MM-DD of the server’s zone; -infinity: rows whose time cannot be read.' }),
  sourceRows: count,
  targetRows: count,
  missing: ids,
  changed: ids,
  quarantined: ids,
  extra: rowKey,
  old: rowKey.meta({ description: 'What positions had of the changed rows.' }),
  repairedAt: z.iso.datetime().nullable(),
});

export const START_RECONCILIATION = route({
  method: 'POST',
  path: '',
  access: 'operator',
  summary: 'Compare what arrived of these vehicles with what their legacy servers have',
  body: z
    .strictObject({
      selection: selection.default({ kind: 'all' }),
      from: day.optional().meta({ description: 'First day, of each server’s zone.' }),
      to: day.optional(),
      repair: z.boolean().default(false),
      reason,
    })
    .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
      path: ['to'],
      message: 'lies before the first day',
    }),
  status: 202,
  answer: success({ message: z.string(), reconciliationId, link: z.string() }),
  also: { 409: 'One is under way.' },
});

export const LIST_RECONCILIATIONS = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'The reconciliations, the latest first',
  query: pageQuery,
  answer: page('reconciliations', reconciliation),
});

export const READ_RECONCILIATION = route({
  method: 'GET',
  path: ':reconciliationId',
  access: 'viewer',
  summary: 'One reconciliation, as far as it is',
  params: one,
  answer: success({ reconciliation }),
  also: { 404: 'There is no such reconciliation.' },
});

export const RECONCILED_VEHICLES = route({
  method: 'GET',
  path: ':reconciliationId/vehicles',
  access: 'viewer',
  summary: 'Its vehicles, by id',
  params: one,
  query: pageQuery.extend({
    differing: z.stringbool().default(false).meta({ description: 'Only those that differ or could not be compared.' }),
  }),
  answer: page('vehicles', vehicle),
  also: { 404: 'There is no such reconciliation.' },
});

export const RECONCILED_DAYS = route({
  method: 'GET',
  path: ':reconciliationId/vehicles/:vehicleId/days',
  access: 'viewer',
  summary: 'The days of a vehicle on which the two sides differ, with the ids of the rows',
  params: one.extend({ vehicleId: bigintText }),
  answer: success({ days: z.array(differingDay) }),
  also: { 404: 'There is no such reconciliation.' },
});

export const REPAIR = route({
  method: 'POST',
  path: ':reconciliationId/repair',
  access: 'operator',
  summary: 'Read again what is missing or changed, and mark what the source does not have',
  params: one,
  body: z.strictObject({ reason: neededReason }),
  status: 202,
  answer: success({ message: z.string(), link: z.string() }),
  also: { 404: 'There is no such reconciliation.' },
});

export const MARKED = route({
  method: 'GET',
  path: 'marked',
  access: 'viewer',
  summary: 'How many positions repairs have marked as no longer at the source',
  answer: success({ vehicles: count, rows: count }),
});

export const REMOVE_EXTRA = route({
  method: 'POST',
  path: 'remove-extra',
  access: 'admin',
  summary: 'Remove the positions that repairs have marked as no longer at the source',
  body: z.strictObject({
    vehicleIds: z.array(bigintText).min(1).max(5_000).optional().meta({ description: 'Without: of all vehicles.' }),
    reason: neededReason,
  }),
  answer: success({ vehicles: count, removed: count }),
  also: { 409: 'They are being removed already.' },
});
