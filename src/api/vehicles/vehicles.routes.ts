import { z } from 'zod';
import { identifierSchema, VEHICLE_KEY } from '../../settings/mysql-identifier.ts';
import { route } from '../core/route.ts';
import { accepted, bigintText, count, failure, page, pageQuery, reason, success } from '../core/shapes.ts';
import { readBy, vehicleSync } from '../runs/runs.routes.ts';
import { serverId } from '../servers/servers.routes.ts';

const vehicleParams = z.strictObject({ vehicleId: bigintText });

const vehicleFields = {
  label: z.string().min(1).max(200),
  serverId,
  table: identifierSchema,
  legacyVehicleId: z.string().regex(VEHICLE_KEY).nullable().default(null),
  partOf: bigintText
    .nullable()
    .optional()
    .meta({ description: 'The vehicle whose rows in another table these are. Left out: as it is.' }),
  priority: z.number().int().min(-1_000_000).max(1_000_000).default(0),
  enabled: z.boolean().default(true),
};

const vehicle = z.strictObject({
  id: z.string(),
  label: z.string(),
  serverId: z.string(),
  table: z.string(),
  legacyVehicleId: z.string().nullable(),
  partOf: z
    .string()
    .nullable()
    .meta({ description: 'The vehicle whose rows in another table these are, such as that of another month.' }),
  priority: z.number(),
  enabled: z.boolean(),
  watermark: z.string(),
  lastSyncedAt: z.iso.datetime().nullable(),
  newestPositionAt: z.iso.datetime().nullable().meta({ description: 'The time of the newest position that came.' }),
  news: z.enum(['fresh', 'silent', 'unsynced', 'never']).meta({
    description: '`silent`: synced within a day, and nothing newer than a day came. `unsynced`: not synced for a day.',
  }),
  lastRun: z
    .strictObject({
      runId: z.string(),
      status: z.enum(['idle', 'exporting', 'transferring', 'importing', 'completed', 'failed']),
      rows: count,
      at: z.iso.datetime(),
      error: failure.nullable(),
      ...readBy,
    })
    .nullable(),
  quarantined: count,
});

export const LIST_VEHICLES = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'The vehicles, with how their last sync ended',
  recent: true,
  query: pageQuery.extend({
    serverId: serverId.optional(),
    search: z.string().min(1).max(100).optional().meta({ description: 'Part of the label.' }),
    failed: z.enum(['true', 'false']).optional().meta({ description: 'Those whose last sync failed, or did not.' }),
  }),
  answer: page('vehicles', vehicle),
});

export const READ_VEHICLE = route({
  method: 'GET',
  path: ':vehicleId',
  access: 'viewer',
  summary: 'One vehicle',
  params: vehicleParams,
  answer: success({ vehicle }),
  also: { 404: 'There is no such vehicle.' },
});

const ofOne = {
  method: 'GET',
  access: 'viewer',
  params: vehicleParams,
  also: { 404: 'There is no such vehicle.' },
} as const;

export const LIST_SYNCS_OF_VEHICLE = route({
  ...ofOne,
  path: ':vehicleId/syncs',
  summary: 'The last twenty syncs of a vehicle and its parts, the last planned first',
  answer: success({ syncs: z.array(vehicleSync.extend({ runId: z.string(), plannedAt: z.iso.datetime() })), count }),
});

export const READ_TRACK = route({
  ...ofOne,
  path: ':vehicleId/track',
  summary: 'The last five hundred positions of a vehicle and its parts, the earliest first',
  answer: success({
    positions: z.array(
      z.strictObject({
        time: z.iso.datetime(),
        latitude: z.number(),
        longitude: z.number(),
        speedKmh: z.number().nullable(),
        headingDeg: z.number().nullable(),
      }),
    ),
    count,
  }),
});

export const READ_DIFFERENCES = route({
  ...ofOne,
  path: ':vehicleId/differences',
  summary: 'What the last comparison of a vehicle and its parts with their source found, by day',
  answer: success({
    compared: z.array(
      z.strictObject({
        vehicleId: z.string(),
        label: z.string(),
        reconciliationId: z.string(),
        comparedAt: z.iso.datetime(),
        sourceRows: count,
        targetRows: count,
        days: z.array(
          z.strictObject({
            day: z.string(),
            missing: count,
            changed: count,
            extra: count,
            quarantined: count,
            repairedAt: z.iso.datetime().nullable(),
          }),
        ),
        more: z.boolean().meta({ description: 'More than the thirty-one days that are listed differ.' }),
      }),
    ),
  }),
});

export const CREATE_VEHICLE = route({
  method: 'POST',
  path: '',
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
  path: ':vehicleId',
  access: 'admin',
  summary: 'Change a vehicle; its watermark stays',
  params: vehicleParams,
  body: z.strictObject({ ...vehicleFields, reason }),
  answer: success({ vehicle }),
  also: { 404: 'There is no such vehicle or legacy server.', 409: 'Another vehicle reads the same rows.' },
});

export const SYNC_VEHICLE = route({
  method: 'POST',
  path: ':vehicleId/sync',
  access: 'operator',
  summary: 'Sync one vehicle now, with its parts',
  params: vehicleParams,
  body: z.strictObject({ mode: z.enum(['delta', 'full']).default('delta'), reason }),
  status: 202,
  answer: accepted,
  also: { 404: 'There is no such vehicle.', 409: 'It is being synced already (`link`), or it is disabled.' },
});
