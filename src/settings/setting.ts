import type { z } from 'zod';

/** One row of `system_settings`: its key, its type by the schema, its default and what it does. */
export interface Setting<T extends z.ZodType> {
  key: string;
  schema: T;
  default: z.infer<T>;
  description: string;
}

/** Defines settings whose keys begin with `prefix`, which is also their category. */
export const settingUnder =
  (prefix: string) =>
  <T extends z.ZodType>(key: string, schema: T, value: z.infer<T>, description: string): Setting<T> => ({
    key: `${prefix}.${key}`,
    schema,
    default: value,
    description,
  });
