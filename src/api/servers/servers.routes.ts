import { z } from 'zod';
import { route } from '../core/route.ts';
import { count, failure, neededReason, reason, success } from '../core/shapes.ts';

export const serverId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes')
  .meta({ example: 'depot' });
const serverParams = z.strictObject({ serverId });

/** The row as the CLI's `servers put` takes it. The same schema checks it, field by field, when it is written. */
const serverBody = z.looseObject({ reason }).meta({
  description:
    'As in README.md: host, user, privateKeyRef, hostKeyFingerprints, mysqlUser, database, timeZone, columns, … Secrets are references.',
});

const check = {
  checkedAt: z.iso.datetime(),
  durationMs: count.meta({ description: 'To MySQL’s answer; with the login by SSH where no connection was open.' }),
  failure: failure.nullable(),
};

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
  places: z.strictObject({
    inFlight: count,
    limit: count,
    fixedLimit: count,
    reason: z.string().nullable().meta({ description: 'Why the limit is what it is, where it adapts.' }),
  }),
  lastCheck: z
    .strictObject({
      ...check,
      failingSince: z.iso
        .datetime()
        .nullable()
        .meta({ description: 'The first failed check since the last good one.' }),
    })
    .nullable()
    .meta({ description: 'null: it was not checked yet.' }),
  line: z
    .strictObject({
      bytesPerSecond: z.number().positive().meta({ description: 'What one transfer gets of the line.' }),
      measuredAt: z.iso.datetime(),
    })
    .nullable()
    .meta({ description: 'null: no transfer was large enough to say.' }),
});

export const LIST_SERVERS = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'The legacy servers, with their circuits',
  answer: success({ servers: z.array(server), count }),
});

export const READ_SERVER = route({
  method: 'GET',
  path: ':serverId',
  access: 'viewer',
  summary: 'One legacy server as it is configured; secrets are references',
  params: serverParams,
  answer: success({ server: z.record(z.string(), z.unknown()) }),
  also: { 404: 'There is no such server.' },
});

const phase = z.enum(['growing', 'held', 'trying', 'recovering']);

export const READ_LIMIT = route({
  method: 'GET',
  path: ':serverId/limit',
  access: 'viewer',
  summary: 'How many vehicles may be in flight at a legacy server, and why',
  params: serverParams,
  answer: success({
    inFlight: count,
    limit: count,
    fixedLimit: count.meta({ description: 'Where the limit does not adapt, and at most where it does.' }),
    adaptive: z
      .strictObject({ phase, reason: z.string().nullable(), changedAt: z.iso.datetime().nullable() })
      .nullable()
      .meta({ description: 'null: legacy_sync.adaptive.enabled is false.' }),
    changes: z
      .array(
        z.strictObject({ from: count, to: count, reason: z.string(), runId: z.string(), changedAt: z.iso.datetime() }),
      )
      .meta({ description: 'The latest hundred, the newest first.' }),
  }),
  also: { 404: 'There is no such server.' },
});

export const READ_CHECKS = route({
  method: 'GET',
  path: ':serverId/checks',
  access: 'viewer',
  summary: 'The health checks of a legacy server, which are made at legacy_sync.server.check_interval_ms',
  params: serverParams,
  answer: success({
    checks: z.array(z.strictObject(check)).meta({ description: 'The latest three hundred, the newest first.' }),
    count,
  }),
  also: { 404: 'There is no such server.' },
});

export const CREATE_SERVER = route({
  method: 'POST',
  path: '',
  access: 'admin',
  summary: 'Add a legacy server',
  body: serverBody,
  status: 201,
  answer: success({ server: z.record(z.string(), z.unknown()) }),
  also: { 409: 'There is a server of that id.' },
});

export const CHANGE_SERVER = route({
  method: 'PUT',
  path: ':serverId',
  access: 'admin',
  summary: 'Replace the configuration of a legacy server',
  params: serverParams,
  body: serverBody,
  answer: success({ server: z.record(z.string(), z.unknown()) }),
  also: { 404: 'There is no such server.' },
});

export const TEST_SERVER = route({
  method: 'POST',
  path: ':serverId/test',
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
  path: ':serverId/close-circuit',
  access: 'operator',
  summary: 'Let runs use a server again, after what opened its circuit was mended',
  params: serverParams,
  body: z.strictObject({ reason: neededReason }),
  answer: success({ server }),
  also: { 404: 'There is no such server.', 409: 'Its circuit is closed.' },
});
