import { z } from 'zod';
import { serverAddressSchema, serverLimitsSchema } from '../../settings/legacy-server.ts';
import { identifierSchema } from '../../settings/mysql-identifier.ts';
import { route } from '../core/route.ts';
import { count, failure, reason, success } from '../core/shapes.ts';
import { serverId } from '../servers/servers.routes.ts';

const {
  host,
  port,
  user,
  privateKeyRef,
  hostKeyFingerprints,
  mysqlHost,
  mysqlPort,
  mysqlUser,
  mysqlPasswordRef,
  mysqlTls,
} = serverAddressSchema.shape;

/** What an operator has who has only a login. Secrets are references to files or variables of the workers. */
const login = z.strictObject({
  id: serverId.optional().meta({ description: 'Of the server that is proposed; by default made of its host.' }),
  host,
  port,
  user,
  privateKeyRef: privateKeyRef.meta({
    description: '`file:/path` or `env:NAME`, as the workers see it. Never the key.',
    example: 'file:/run/secrets/fleetgraph/depot',
  }),
  hostKeyFingerprints: hostKeyFingerprints
    .optional()
    .meta({ description: 'Without it, nothing is sent but the question for the host’s key, which the answer has.' }),
  mysqlHost,
  mysqlPort,
  mysqlUser,
  mysqlPasswordRef: mysqlPasswordRef.meta({
    description: 'As privateKeyRef; null: the login’s own option file has the password.',
  }),
  mysqlTls,
  limits: serverLimitsSchema.pick({ legacyAlgorithms: true }).optional(),
  database: identifierSchema.optional().meta({ description: 'Look into this one only.' }),
  table: identifierSchema.optional().meta({ description: 'Propose this one.' }),
  timeZone: z.string().min(1).max(100).optional().meta({ description: 'IANA name of times that carry none.' }),
  reason,
});

const tables = z.strictObject({
  database: z.string(),
  system: z.string(),
  layout: z.string(),
  table: z.string().meta({ description: 'The largest of those that are alike.' }),
  tables: count.meta({ description: 'How many are alike.' }),
  engine: z.string(),
  estimatedRows: count.nullable().meta({ description: 'By the server’s statistics.' }),
  columns: z.array(z.string()).optional().meta({ description: 'Of `table`, each with its type.' }),
  indexes: z.array(z.string()).optional().meta({ description: 'Of `table`, each with its columns.' }),
});

const sentences = z.array(z.string());
const inspection = z.strictObject({
  outcome: z.enum(['inspected', 'compare-host-key', 'failed']),
  steps: sentences.meta({ description: 'The way there, as far as it went.' }),
  hostKey: z.string().nullable().meta({ description: 'What the host shows: compare it on the host’s console.' }),
  failure: failure.nullable(),
  found: z.array(tables),
  more: count.meta({ description: 'Groups of tables beyond those of `found`.' }),
  proposal: z
    .strictObject({
      tables,
      server: z
        .record(z.string(), z.unknown())
        .nullable()
        .meta({ description: 'What POST …/servers takes; null where a column that every sync needs was not found.' }),
      rows: z.array(z.record(z.string(), z.unknown())).meta({ description: 'Rows as they would arrive.' }),
      told: sentences.meta({ description: 'What the rows tell.' }),
      unsure: sentences,
      hurts: sentences.meta({ description: 'What would hurt, with what to do about it.' }),
    })
    .nullable(),
});

const vehicle = {
  label: z.string(),
  table: z.string(),
  legacyVehicleId: z.string().nullable(),
};

export const INSPECT_SERVER = route({
  method: 'POST',
  path: 'inspections',
  access: 'admin',
  summary: 'Look at a server that has only a login: the way there, its tables, and how to read them',
  body: login,
  answer: success({ serverId: z.string(), inspection }),
  also: { 409: 'A server of that id is being inspected already.' },
});

export const READ_INSPECTION = route({
  method: 'GET',
  path: 'inspections/:serverId',
  access: 'admin',
  summary: 'The last inspection under a server’s id, for as long as Temporal keeps it',
  params: z.strictObject({ serverId }),
  answer: success({
    serverId: z.string(),
    running: z.boolean(),
    startedAt: z.iso.datetime(),
    inspection: inspection.nullable().meta({ description: 'null while it runs, and where it was ended from outside.' }),
  }),
  also: { 404: 'There is none.' },
});

export const DISCOVER_VEHICLES = route({
  method: 'POST',
  path: 'servers/:serverId/discover-vehicles',
  access: 'admin',
  summary: 'Look for the vehicles of a server, and with `add` begin to sync those that are new',
  params: z.strictObject({ serverId }),
  body: z.strictObject({
    add: z.boolean().default(false),
    table: identifierSchema.optional().meta({ description: 'Look into this one only.' }),
    reason,
  }),
  answer: success({
    discovery: z.strictObject({
      failure: failure.nullable(),
      vehicles: count,
      fresh: z.array(z.strictObject(vehicle)).meta({ description: 'Not known before; the first 200.' }),
      freshCount: count,
      missing: z
        .array(z.strictObject({ id: z.string(), ...vehicle }))
        .meta({ description: 'Known, and no row is of them; the first 200.' }),
      missingCount: count,
      skipped: sentences.meta({ description: 'What no statement may hold, as JSON.' }),
      added: count,
    }),
  }),
  also: { 404: 'There is no such server.', 409: 'Its vehicles are being looked for already.' },
});
