import type pg from 'pg';
import { type Listener, listen } from '../connections/listen.ts';
import { type Queryable, inTransaction } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import { describeBounds, typeOf, valueOf } from '../settings/definition.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import {
  LEGACY_SYNC_GROUP,
  SETTINGS_BY_KEY,
  type SettingGroup,
  TRANSPORT_GRAPH_GROUP,
} from '../settings/setting-groups.ts';
import type { TransportGraphSettings } from '../settings/transport-graph.ts';
import { recordAct } from './audit-log.ts';

const CHANNEL = 'fleetgraph_settings';

interface SettingRow {
  key: string;
  value: string;
  type: string;
}

/**
 * Reads all settings of the legacy sync. A setting without a row has its default.
 * Errors: InvalidSetting, naming every key that is unknown or has a value that is not allowed.
 */
export async function readSettings(database: Queryable): Promise<LegacySyncSettings> {
  return (await readGroup(database, LEGACY_SYNC_GROUP)) as LegacySyncSettings;
}

/** Reads all settings of the transport graph, like `readSettings`. A bad row of one pipeline does not stop the other. */
export async function readTransportGraphSettings(database: Queryable): Promise<TransportGraphSettings> {
  return (await readGroup(database, TRANSPORT_GRAPH_GROUP)) as TransportGraphSettings;
}

/** The values that were parsed last. Settings are read at each claim and hardly ever change, so an unchanged text is not parsed again. */
const known = new Map<string, { text: string; values: Record<string, unknown> }>();

async function readGroup(database: Queryable, group: SettingGroup): Promise<Record<string, unknown>> {
  const { rows } = await database.query<{ text: string }>(
    `SELECT coalesce(json_agg(json_build_object('key', key, 'value', value, 'type', type) ORDER BY key), '[]')::text AS text
       FROM system_settings WHERE starts_with(key, $1)`,
    [`${group.prefix}.`],
  );
  const text = rows[0]?.text ?? '[]';
  const before = known.get(group.prefix);
  if (before?.text === text) return { ...before.values };
  const values = readRows(JSON.parse(text) as SettingRow[], group);
  known.set(group.prefix, { text, values });
  return { ...values };
}

function readRows(rows: SettingRow[], { settings }: SettingGroup): Record<string, unknown> {
  const problems: string[] = [];
  const found = new Map<string, string | number | boolean>();
  for (const row of rows) {
    const problem = problemOf(row);
    if (problem) problems.push(problem);
    else found.set(row.key, valueOf(SETTINGS_BY_KEY.get(row.key)!, row.value));
  }
  if (problems.length > 0) {
    throw new Failure('InvalidSetting', `Reading system_settings: ${problems.join('; ')}. Correct these rows.`);
  }
  const values = Object.entries(settings).map(([name, setting]) => [name, found.get(setting.key) ?? setting.default]);
  return Object.fromEntries(values) as Record<string, unknown>;
}

/** A row as it is stored, whether or not its value is allowed. */
export interface StoredSetting {
  key: string;
  value: string;
  updatedAt: Date;
}

/** Lists all rows by key, or the one of a key. */
export async function listSettings(database: Queryable, key: string | null = null): Promise<StoredSetting[]> {
  const { rows } = await database.query<StoredSetting>(
    `SELECT key, value, updated_at AS "updatedAt" FROM system_settings WHERE $1::text IS NULL OR key = $1 ORDER BY key`,
    [key],
  );
  return rows;
}

/**
 * Sets one setting and writes who did it, and why, to the audit log in the same transaction.
 * Errors: InvalidSetting (unknown key, value not allowed).
 */
export async function writeSetting(
  pool: pg.Pool,
  key: string,
  text: string,
  by: { actor: string; reason?: string },
): Promise<void> {
  await inTransaction(pool, (client) => changeSetting(client, key, text, by));
}

/** As `writeSetting`, in the caller's transaction. */
export async function changeSetting(
  client: Queryable,
  key: string,
  text: string,
  by: { actor: string; reason?: string },
): Promise<void> {
  const setting = SETTINGS_BY_KEY.get(key);
  if (!setting) throw new Failure('InvalidSetting', `Setting ${key}: ${unknownKey(key)}.`);
  const row = { key, value: text.trim(), type: typeOf(setting) };
  const problem = problemOf(row);
  if (problem) throw new Failure('InvalidSetting', `Setting ${problem}.`);
  const before = await client.query<{ value: string }>('SELECT value FROM system_settings WHERE key = $1 FOR UPDATE', [
    key,
  ]);
  await client.query(
    `INSERT INTO system_settings (key, value, type, category) VALUES ($1, $2, $3, $4)
     ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, type = EXCLUDED.type`,
    [key, row.value, row.type, setting.category],
  );
  const details = { from: before.rows[0]?.value ?? null, to: row.value };
  await recordAct(client, { ...by, action: 'setting.changed', subject: key, details });
}

/**
 * Calls `onChange` with the key whenever a row of system_settings changes, by any means. Calls it with null after each connect and
 * reconnect, because changes may have been missed.
 */
export function listenSettings(
  url: string,
  onChange: (key: string | null) => void,
  onError?: (error: Error) => void,
): Promise<Listener> {
  return listen(url, {
    channel: CHANNEL,
    onPayload: (key) => onChange(key),
    onListening: () => onChange(null),
    ...(onError ? { onError } : {}),
  });
}

function problemOf({ key, value, type }: SettingRow): string | null {
  const setting = SETTINGS_BY_KEY.get(key);
  if (!setting) return `${key} is set to "${value}": ${unknownKey(key)}`;
  const wanted = typeOf(setting);
  if (type !== wanted) return `${key} has type ${type}: its type is ${wanted}`;
  const readable = wanted !== 'number' || /^-?[0-9]+(\.[0-9]+)?$/.test(value);
  if (readable && (wanted !== 'boolean' || value === 'true' || value === 'false')) {
    if (setting.schema.safeParse(valueOf(setting, value)).success) return null;
  }
  return `${key} is set to "${value}": allowed is ${describeBounds(setting)}`;
}

function unknownKey(key: string): string {
  const near = [...SETTINGS_BY_KEY.keys()].filter((known) => sameWords(known, key));
  return near.length > 0 ? `there is no such setting; did you mean ${near.join(' or ')}` : 'there is no such setting';
}

/** Recognises max_worker as max_workers, and retry.attempts as retry_attempts. It compares the last word without separators and plural. */
function sameWords(known: string, key: string): boolean {
  const bare = (text: string): string => text.slice(text.lastIndexOf('.') + 1).replaceAll(/_|s$/g, '');
  return bare(known) === bare(key);
}
