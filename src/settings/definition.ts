import { z } from 'zod';

/** One setting as the schema defines it, without its exact type. */
export interface SettingDefinition {
  key: string;
  schema: z.ZodType;
  default: string | number | boolean;
  description: string;
}

export type SettingType = 'string' | 'number' | 'boolean';

/** A row's text as a value of its setting; whether it is an allowed one is asked elsewhere. */
export function valueOf(setting: SettingDefinition, text: string): string | number | boolean {
  const type = typeOf(setting);
  if (type === 'number') return Number(text);
  return type === 'boolean' ? text === 'true' : text;
}

/** What the row's `bounds` column holds, and the database's own check reads. */
export interface SettingBounds {
  minimum?: number;
  /** The value must be larger than this. */
  above?: number;
  maximum?: number;
  whole?: true;
  oneOf?: string[];
}

/** The `type` column of the setting's row. */
export function typeOf(setting: SettingDefinition): SettingType {
  const type = typeof setting.default;
  if (type === 'string' || type === 'number' || type === 'boolean') return type;
  throw new TypeError(`${setting.key} has a default of type ${type}, which system_settings cannot hold`);
}

/** The zod schema as plain data, so that PostgreSQL can refuse a bad value where it is typed. */
export function boundsOf(setting: SettingDefinition): SettingBounds {
  const schema = z.toJSONSchema(setting.schema);
  const whole = schema.type === 'integer';
  const bounds: SettingBounds = {};
  if (schema.minimum !== undefined && schema.minimum !== Number.MIN_SAFE_INTEGER) bounds.minimum = schema.minimum;
  // Draft 4 spelt exclusiveMinimum as a boolean, which the type still allows.
  if (typeof schema.exclusiveMinimum === 'number') {
    if (whole) bounds.minimum = schema.exclusiveMinimum + 1;
    else bounds.above = schema.exclusiveMinimum;
  }
  if (schema.maximum !== undefined && schema.maximum !== Number.MAX_SAFE_INTEGER) bounds.maximum = schema.maximum;
  if (whole) bounds.whole = true;
  if (schema.enum !== undefined) bounds.oneOf = schema.enum.map(String);
  return bounds;
}

/** The bounds in words: "a whole number from 1 to 1000". */
export function describeBounds(setting: SettingDefinition): string {
  const type = typeOf(setting);
  if (type === 'boolean') return 'true or false';
  const { minimum, above, maximum, whole, oneOf } = boundsOf(setting);
  if (oneOf) return `one of ${oneOf.join(', ')}`;
  if (type === 'string') return z.toJSONSchema(setting.schema).description ?? 'a text';
  const number = whole ? 'a whole number' : 'a number';
  const low = above !== undefined ? `above ${above}` : `from ${minimum}`;
  if (minimum === undefined && above === undefined)
    return maximum === undefined ? number : `${number} up to ${maximum}`;
  return maximum === undefined
    ? `${number} ${above !== undefined ? low : `of at least ${minimum}`}`
    : `${number} ${low} to ${maximum}`;
}
