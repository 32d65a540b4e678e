import { z } from 'zod';
import type { Queryable } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import { type LegacyServer, legacyServerSchema } from '../settings/legacy-server.ts';
import { recordAct } from './audit-log.ts';
import { isTimeZone } from '../settings/time-zone.ts';

export type LegacyServerInput = z.input<typeof legacyServerSchema>;

const checkedServer = legacyServerSchema.extend({
  timeZone: z.string().refine(isTimeZone, 'is no IANA time zone name, such as Asia/Yakutsk'),
});

/** The column of `legacy_servers` for each field, in one order for reading and writing. */
const COLUMN_OF = {
  id: 'id',
  host: 'host',
  port: 'port',
  user: '"user"',
  privateKeyRef: 'private_key_ref',
  hostKeyFingerprints: 'host_key_fingerprints',
  mysqlHost: 'mysql_host',
  mysqlPort: 'mysql_port',
  mysqlUser: 'mysql_user',
  mysqlPasswordRef: 'mysql_password_ref',
  mysqlTls: 'mysql_tls',
  database: 'database',
  timeZone: 'time_zone',
  columns: 'columns',
  values: '"values"',
  limits: 'limits',
  remoteDirectory: 'remote_directory',
} as const satisfies Record<keyof LegacyServer, string>;
const FIELDS = Object.keys(COLUMN_OF) as (keyof LegacyServer)[];
const COLUMNS = FIELDS.map((field) => COLUMN_OF[field]);
const SELECTED = FIELDS.map((field) => `${COLUMN_OF[field]} AS "${field}"`).join(', ');

/** Ids of all legacy servers, sorted. */
export async function listLegacyServers(database: Queryable): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>('SELECT id FROM legacy_servers ORDER BY id');
  return rows.map(({ id }) => id);
}

export async function isLegacyServer(database: Queryable, id: string): Promise<boolean> {
  const { rows } = await database.query('SELECT FROM legacy_servers WHERE id = $1', [id]);
  return rows.length > 0;
}

/** Reads one server. Errors: InvalidConfiguration when there is no such row, or its values do not pass the schema. */
export async function readLegacyServer(database: Queryable, id: string): Promise<LegacyServer> {
  const { rows } = await database.query<Record<string, unknown>>(
    `SELECT ${SELECTED} FROM legacy_servers WHERE id = $1`,
    [id],
  );
  if (!rows[0])
    throw new Failure(
      'InvalidConfiguration',
      `There is no legacy server ${id}. \`fleetgraph servers list\` shows those there are, \`servers put\` adds one.`,
    );
  const text = JSON.stringify(rows[0]);
  const before = checked.get(id);
  if (before?.text === text) return before.server;
  const server = parseLegacyServer(rows[0]);
  checked.set(id, { text, server });
  return server;
}

/** The rows that were checked last. A row is read several times per vehicle and hardly ever changes, so an unchanged row is not checked again. */
const checked = new Map<string, { text: string; server: Readonly<LegacyServer> }>();

/** Adds a server. Errors: InvalidConfiguration, naming every field that is not allowed. */
export async function insertLegacyServer(database: Queryable, input: LegacyServerInput): Promise<LegacyServer> {
  const server = parseLegacyServer(input);
  const places = COLUMNS.map((_, index) => `$${index + 1}`).join(', ');
  await database.query(`INSERT INTO legacy_servers (${COLUMNS.join(', ')}) VALUES (${places})`, valuesOf(server));
  return server;
}

/**
 * Replaces the whole row. Once a vehicle has been synced, the settings that say which rows are read must stay. The host may change, because
 * the rows may have moved there: fingerprints are pinned anew, and a database that was begun afresh there is found by its ids
 * (SourceReset).
 * Errors: InvalidConfiguration.
 */
export async function updateLegacyServer(database: Queryable, input: LegacyServerInput): Promise<LegacyServer> {
  const server = parseLegacyServer(input);
  const changes = COLUMNS.map((column, index) => `${column} = $${index + 1}`).join(', ');
  const place = (field: keyof LegacyServer): string => `$${FIELDS.indexOf(field) + 1}`;
  const { rowCount } = await database.query(
    `UPDATE legacy_servers SET ${changes}, updated_at = now()
      WHERE id = $1 AND (NOT EXISTS (SELECT FROM vehicles WHERE server_id = $1 AND watermark > 0)
        OR (database, columns ->> 'id', columns ->> 'vehicle', columns ->> 'scope') IS NOT DISTINCT FROM
           (${place('database')}, ${place('columns')}::jsonb ->> 'id', ${place('columns')}::jsonb ->> 'vehicle', ${place('columns')}::jsonb ->> 'scope'))`,
    valuesOf(server),
  );
  if (rowCount === 0) await refuseOtherRows(database, server.id);
  return server;
}

/**
 * Changes how many vehicles may be in flight at a server, null: what the setting says, and writes who did it to the audit log. The caller's
 * transaction keeps the row locked. Errors: InvalidConfiguration.
 */
export async function changeServerLimit(
  client: Queryable,
  { id, limit }: { id: string; limit: number | null },
  by: { actor: string; reason?: string },
): Promise<void> {
  await client.query('SELECT FROM legacy_servers WHERE id = $1 FOR NO KEY UPDATE', [id]);
  const server = await readLegacyServer(client, id);
  const { maxConcurrentVehicles: from = null, ...others } = server.limits;
  const limits = limit === null ? others : { ...others, maxConcurrentVehicles: limit };
  await updateLegacyServer(client, { ...server, limits });
  const details = { limits: { maxConcurrentVehicles: { from, to: limit } } };
  await recordAct(client, { ...by, action: 'server.changed', subject: `server ${id}`, details });
}

/** Does for all vehicles of a server what refuseOtherSource in vehicles.ts does for one. */
async function refuseOtherRows(database: Queryable, id: string): Promise<never> {
  const { rows } = await database.query<{ source: string; vehicles: number; first: string }>(
    `SELECT concat('database ', database, ' by id column ', columns ->> 'id', ', vehicle column ' || (columns ->> 'vehicle')) AS source,
            (SELECT count(*)::int FROM vehicles v WHERE v.server_id = s.id AND v.watermark > 0) AS vehicles,
            (SELECT min(v.id)::text FROM vehicles v WHERE v.server_id = s.id AND v.watermark > 0) AS first
       FROM legacy_servers s WHERE id = $1`,
    [id],
  );
  const [known] = rows;
  if (!known) throw new Failure('InvalidConfiguration', `There is no legacy server ${id} to change.`);
  throw new Failure(
    'InvalidConfiguration',
    `Legacy server ${id} is refused: ${known.vehicles} of its vehicles, ${known.first} the first, have been synced from ${known.source}, and ` +
      'rows elsewhere have ids of their own: `database`, `columns.id`, `columns.vehicle` and `columns.scope` stay. Add it as a new server with new vehicles; ' +
      'or, where the new place continues the same ids (a database or column that was renamed), change the row in `legacy_servers` by SQL.',
  );
}

/** Checks a server's description from any source. Errors: InvalidConfiguration. */
export function parseLegacyServer(input: unknown): LegacyServer {
  const parsed = checkedServer.safeParse(input);
  if (parsed.success) return parsed.data;
  const id = typeof input === 'object' && input !== null && 'id' in input ? String(input.id) : 'without id';
  throw new Failure('InvalidConfiguration', `Legacy server ${id} is refused:\n${z.prettifyError(parsed.error)}`);
}

function valuesOf(server: LegacyServer): unknown[] {
  // pg writes a JavaScript array as a PostgreSQL array and an object as JSON, which suits the text[] and jsonb columns.
  return FIELDS.map((field) => server[field]);
}
