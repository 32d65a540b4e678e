import { z } from 'zod';
import { MAX_BIGINT } from '../../settings/max-bigint.ts';

/** Shapes that several endpoints share. */
export const count = z.number();
export const reason = z.string().trim().min(1).max(500).optional().meta({ description: 'For the audit log.' });
export const neededReason = z.string().trim().min(1).max(500).meta({ description: 'For the audit log.' });
export const failure = z.strictObject({ code: z.string(), message: z.string() });

export const bigintText = z
  .string()
  .regex(/^[1-9][0-9]{0,18}$/, 'must be a whole number above 0, as text')
  .refine((text) => !/^[0-9]+$/.test(text) || BigInt(text) <= MAX_BIGINT, 'is larger than a bigint')
  .meta({ example: '17' });

/** A page begins behind `after`, which is the `next` of the page before. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().min(1).max(200).optional().meta({ description: '`next` of the page before.' }),
});

export const success = <T extends z.ZodRawShape>(shape: T) => z.strictObject({ success: z.literal(true), ...shape });

export const page = (name: string, item: z.ZodType) =>
  z.strictObject({
    success: z.literal(true),
    [name]: z.array(item),
    next: z.string().nullable().meta({ description: 'Send as `after` for the next page; null: this was the last.' }),
  });

export const accepted = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  runId: z.string(),
  link: z.string(),
});
