import type pg from 'pg';
import { type Listener, listen } from '../connections/listen.ts';
import { type Queryable, inTransaction } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import { describeBounds, typeOf } from './definition.ts';
import type { LegacySyncSettings } from './legacy-sync.ts';
import { LEGACY_SYNC_GROUP, SETTING_GROUPS, type SettingGroup, TRANSPORT_GRAPH_GROUP } from './setting-groups.ts';
import type { TransportGraphSettings } from './transport-graph.ts';

const CHANNEL = 'fleetgraph_settings';
const byKey = new Map(
  SETTING_GROUPS.flatMap(({ prefix, settings }) =>
    Object.values(settings).map((setting) => [setting.key, { ...setting, category: prefix }] as const),
  ),
);

interface SettingRow {
  key: string;
  value: string;
  type: string;
}

/**
 * All settings of the legacy sync; one without a row has its default.
 * Errors: InvalidSetting, naming every key that is unknown or has a value that is not allowed.
 */
export async function readSettings(database: Queryable): Promise<LegacySyncSettings> {
  return (await readGroup(database, LEGACY_SYNC_GROUP)) as LegacySyncSettings;
}

/** All settings of the transport graph; as `readSettings`. A bad row of one pipeline does not stop the other. */
export async function readTransportGraphSettings(database: Queryable): Promise<TransportGraphSettings> {
  return (await readGroup(database, TRANSPORT_GRAPH_GROUP)) as TransportGraphSettings;
}

/** Settings are read at each claim and hardly ever change: one text is fetched, and one that was read before is not read again. */
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
    else found.set(row.key, valueOf(row.type, row.value));
  }
  if (problems.length > 0) {
    throw new Failure('InvalidSetting', `Reading system_settings: ${problems.join('; ')}. Correct these rows.`);
  }
  const values = Object.entries(settings).map(([name, setting]) => [name, found.get(setting.key) ?? setting.default]);
  return Object.fromEntries(values) as Record<string, unknown>;
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
  const setting = byKey.get(key);
  if (!setting) throw new Failure('InvalidSetting', `Setting ${key}: ${unknownKey(key)}.`);
  const row = { key, value: text.trim(), type: typeOf(setting) };
  const problem = problemOf(row);
  if (problem) throw new Failure('InvalidSetting', `Setting ${problem}.`);
  await inTransaction(pool, async (client) => {
    const before = await client.query<{ value: string }>(
      'SELECT value FROM system_settings WHERE key = $1 FOR UPDATE',
      [key],
    );
    await client.query(
      `INSERT INTO system_settings (key, value, type, category) VALUES ($1, $2, $3, $4)
       ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, type = EXCLUDED.type`,
      [key, row.value, row.type, setting.category],
    );
    await client.query(
      `INSERT INTO audit_log (actor, action, subject, reason, details) VALUES ($1, 'setting.changed', $2, $3, $4)`,
      [by.actor, key, by.reason ?? null, { from: before.rows[0]?.value ?? null, to: row.value }],
    );
  });
}

/**
 * Calls `onChange` with the key whenever a row of system_settings changes, by whatever means; with null after each (re)connect, when
 * changes may have been missed.
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
  const setting = byKey.get(key);
  if (!setting) return `${key} is set to "${value}": ${unknownKey(key)}`;
  const wanted = typeOf(setting);
  if (type !== wanted) return `${key} has type ${type}: its type is ${wanted}`;
  const readable = wanted !== 'number' || /^-?[0-9]+(\.[0-9]+)?$/.test(value);
  if (readable && (wanted !== 'boolean' || value === 'true' || value === 'false')) {
    if (setting.schema.safeParse(valueOf(type, value)).success) return null;
  }
  return `${key} is set to "${value}": allowed is ${describeBounds(setting)}`;
}

function valueOf(type: string, value: string): string | number | boolean {
  if (type === 'number') return Number(value);
  return type === 'boolean' ? value === 'true' : value;
}

function unknownKey(key: string): string {
  const near = [...byKey.keys()].filter((known) => sameWords(known, key));
  return near.length > 0 ? `there is no such setting; did you mean ${near.join(' or ')}` : 'there is no such setting';
}

/** max_worker for max_workers, retry.attempts for retry_attempts: the last word decides, without separators and plural. */
function sameWords(known: string, key: string): boolean {
  const bare = (text: string): string => text.slice(text.lastIndexOf('.') + 1).replaceAll(/_|s$/g, '');
  return bare(known) === bare(key);
}
