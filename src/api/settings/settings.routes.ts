import { z } from 'zod';
import { route } from '../core/route.ts';

const value = z.union([z.string(), z.number(), z.boolean()]);
const key = z.string().min(1).max(200).meta({ example: 'legacy_sync.worker_pool.max_workers' });

const setting = z.strictObject({
  key,
  value,
  type: z.enum(['string', 'number', 'boolean']),
  default: value,
  allowed: z.string().meta({ description: 'The bounds in words.' }),
  bounds: z.record(z.string(), z.unknown()),
  description: z.string(),
  category: z.string(),
  updatedAt: z.iso.datetime().nullable(),
});

export const LIST_SETTINGS = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'Every setting with its value and bounds',
  query: z.strictObject({ category: z.string().max(100).optional() }),
  answer: z.strictObject({ success: z.literal(true), settings: z.array(setting), count: z.number() }),
});

export const READ_SETTING = route({
  method: 'GET',
  path: ':key',
  access: 'viewer',
  summary: 'One setting',
  params: z.strictObject({ key }),
  answer: z.strictObject({ success: z.literal(true), setting }),
  also: { 404: 'There is no such setting.' },
});

export const WRITE_SETTING = route({
  method: 'PUT',
  path: ':key',
  access: 'admin',
  summary: 'Change a setting; running syncs follow within seconds',
  params: z.strictObject({ key }),
  body: z.strictObject({ value, reason: z.string().trim().min(1).max(500).optional() }),
  answer: z.strictObject({ success: z.literal(true), setting }),
  also: { 404: 'There is no such setting.' },
});
