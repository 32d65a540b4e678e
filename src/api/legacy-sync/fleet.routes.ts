import { z } from 'zod';
import { route } from '../core/route.ts';
import {
  accepted,
  bigintText,
  count,
  failure,
  neededReason,
  page,
  pageQuery,
  reason,
  success,
} from '../core/shapes.ts';

const serverId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes')
  .meta({ example: 'depot' });
const vehicleParams = z.strictObject({ vehicleId: bigintText });
const serverParams = z.strictObject({ serverId });

const vehicleFields = {
  label: z.string().min(1).max(200),
  serverId,
  table: z.string().regex(/^[A-Za-z0-9_]{1,64}$/, 'letters, digits and underscores'),
  legacyVehicleId: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/)
    .nullable()
    .default(null),
  priority: z.number().int().min(-1_000_000).max(1_000_000).default(0),
  enabled: z.boolean().default(true),
};

const vehicle = z.strictObject({
  id: z.string(),
  label: z.string(),
  serverId: z.string(),
  table: z.string(),
  legacyVehicleId: z.string().nullable(),
  priority: z.number(),
  enabled: z.boolean(),
  watermark: z.string(),
  lastSyncedAt: z.iso.datetime().nullable(),
  lastRun: z
    .strictObject({
      runId: z.string(),
      status: z.enum(['idle', 'exporting', 'transferring', 'importing', 'completed', 'failed']),
      rows: count,
      at: z.iso.datetime(),
      error: failure.nullable(),
    })
    .nullable(),
  quarantined: count,
});

/** The row as the CLI's `servers put` takes it: checked by the same schema, field by field, when it is written. */
const serverBody = z.looseObject({ reason }).meta({
  description:
    'As in README.md: host, user, privateKeyRef, hostKeyFingerprints, mysqlUser, database, timeZone, columns, … Secrets are references.',
});

const server = z.strictObject({
  id: z.string(),
  host: z.string(),
  port: z.number(),
  user: z.string(),
  database: z.string(),
  timeZone: z.string(),
  vehicles: count,
  circuit: z.strictObject({
    state: z.enum(['closed', 'open', 'half-open', 'held']),
    failures: count.meta({ description: 'In a row; counted while it is closed.' }),
    openings: count,
    code: z.string().nullable().meta({ description: 'The failure that opened it.' }),
  }),
});

export const LIST_VEHICLES = route({
  method: 'GET',
  path: 'vehicles',
  access: 'viewer',
  summary: 'The vehicles, with how their last sync ended',
  query: pageQuery.extend({
    serverId: serverId.optional(),
    search: z.string().min(1).max(100).optional().meta({ description: 'Part of the label.' }),
    failed: z.enum(['true', 'false']).optional().meta({ description: 'Those whose last sync failed, or did not.' }),
  }),
  answer: page('vehicles', vehicle),
});

export const READ_VEHICLE = route({
  method: 'GET',
  path: 'vehicles/:vehicleId',
  access: 'viewer',
  summary: 'One vehicle',
  params: vehicleParams,
  answer: success({ vehicle }),
  also: { 404: 'There is no such vehicle.' },
});

export const CREATE_VEHICLE = route({
  method: 'POST',
  path: 'vehicles',
  access: 'admin',
  summary: 'Add a vehicle',
  body: z.strictObject({ id: bigintText, ...vehicleFields, reason }),
  status: 201,
  answer: success({ vehicle }),
  also: {
    404: 'There is no such legacy server.',
    409: 'There is a vehicle of that id, or one that reads the same rows.',
  },
});

export const CHANGE_VEHICLE = route({
  method: 'PUT',
  path: 'vehicles/:vehicleId',
  access: 'admin',
  summary: 'Change a vehicle; its watermark stays',
  params: vehicleParams,
  body: z.strictObject({ ...vehicleFields, reason }),
  answer: success({ vehicle }),
  also: { 404: 'There is no such vehicle or legacy server.', 409: 'Another vehicle reads the same rows.' },
});

export const SYNC_VEHICLE = route({
  method: 'POST',
  path: 'vehicles/:vehicleId/sync',
  access: 'operator',
  summary: 'Sync one vehicle now',
  params: vehicleParams,
  body: z.strictObject({ mode: z.enum(['delta', 'full']).default('delta'), reason }),
  status: 202,
  answer: accepted,
  also: { 404: 'There is no such vehicle.', 409: 'It is being synced already (`link`), or it is disabled.' },
});

export const LIST_SERVERS = route({
  method: 'GET',
  path: 'servers',
  access: 'viewer',
  summary: 'The legacy servers, with their circuits',
  answer: success({ servers: z.array(server), count }),
});

export const READ_SERVER = route({
  method: 'GET',
  path: 'servers/:serverId',
  access: 'viewer',
  summary: 'One legacy server as it is configured; secrets are references',
  params: serverParams,
  answer: success({ server: z.record(z.string(), z.unknown()) }),
  also: { 404: 'There is no such server.' },
});

export const CREATE_SERVER = route({
  method: 'POST',
  path: 'servers',
  access: 'admin',
  summary: 'Add a legacy server',
  body: serverBody,
  status: 201,
  answer: success({ server: z.record(z.string(), z.unknown()) }),
  also: { 409: 'There is a server of that id.' },
});

export const CHANGE_SERVER = route({
  method: 'PUT',
  path: 'servers/:serverId',
  access: 'admin',
  summary: 'Replace the configuration of a legacy server',
  params: serverParams,
  body: serverBody,
  answer: success({ server: z.record(z.string(), z.unknown()) }),
  also: { 404: 'There is no such server.' },
});

export const TEST_SERVER = route({
  method: 'POST',
  path: 'servers/:serverId/test',
  access: 'operator',
  summary: 'Log in, look for the tools, and count the new rows of one of its vehicles',
  params: serverParams,
  body: z.strictObject({ reason }),
  answer: success({
    check: z.strictObject({ ok: z.boolean(), steps: z.array(z.string()), failure: failure.nullable() }),
  }),
  also: { 404: 'There is no such server.', 409: 'It is being tested already.' },
});

export const CLOSE_CIRCUIT = route({
  method: 'POST',
  path: 'servers/:serverId/close-circuit',
  access: 'operator',
  summary: 'Let runs use a server again, after what opened its circuit was mended',
  params: serverParams,
  body: z.strictObject({ reason: neededReason }),
  answer: success({ server }),
  also: { 404: 'There is no such server.', 409: 'Its circuit is closed.' },
});

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
  path: 'quarantine',
  access: 'viewer',
  summary: 'Rows that could not be imported, the latest first',
  query: pageQuery.extend({ vehicleId: bigintText.optional(), reason: z.string().max(100).optional() }),
  answer: page('rows', quarantined),
});

export const READ_QUARANTINED = route({
  method: 'GET',
  path: 'quarantine/:id',
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
  path: 'quarantine/redrive',
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
    reason: neededReason,
  }),
  answer: success({
    result: z.strictObject({ taken: count, imported: count, duplicates: count, stillQuarantined: count, left: count }),
  }),
  also: { 404: 'There is no such vehicle.', 409: 'Its rows are being tried already.' },
});
