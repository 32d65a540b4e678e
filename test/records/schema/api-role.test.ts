import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { API_ROLE } from '../../../src/records/schema/api-role.ts';
import { migrate } from '../../../src/records/schema/migrations.ts';
import { openPostgres } from '../../../src/connections/postgres.ts';
import { type FreshDatabase, freshDatabase } from '../../support/stack.ts';

let database: FreshDatabase;
let api: pg.Pool;
beforeAll(async () => {
  database = await freshDatabase();
  api = openPostgres(database.url, { max: 2, applicationName: 'test', role: API_ROLE });
});
afterAll(async () => {
  await api?.end();
  await database?.drop();
});

/** All that it may write, table by table; `*` is every column. What is not here it may read at most. */
const WRITES: Record<string, Record<string, string>> = {
  audit_log: { INSERT: '*' },
  system_settings: { INSERT: '*', UPDATE: '*' },
  legacy_servers: { INSERT: '*', UPDATE: '*' },
  legacy_server_state: { INSERT: '*', UPDATE: 'breaker,updated_at' },
  vehicles: {
    INSERT: 'enabled,id,label,legacy_table,legacy_vehicle_id,part_of,priority,server_id',
    UPDATE: 'enabled,label,legacy_table,legacy_vehicle_id,part_of,priority,server_id',
  },
  datasets: { UPDATE: 'decided_at,decided_by,decision_reason,state' },
};

test('the role of the API may write what operators decide, and no position, graph, claim or ledger', async () => {
  const { rows } = await database.pool.query<{ table: string; privilege: string; columns: string; all: boolean }>(
    `SELECT c.relname AS "table", privilege, string_agg(a.attname, ',' ORDER BY a.attname::text COLLATE "C") AS columns,
            bool_or(has_table_privilege($1, c.oid, privilege)) AS all
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped,
            unnest(ARRAY['INSERT', 'UPDATE']) AS privilege
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND has_column_privilege($1, c.oid, a.attnum, privilege) GROUP BY 1, 2`,
    [API_ROLE],
  );
  const found: typeof WRITES = {};
  for (const { table, privilege, columns, all } of rows) (found[table] ??= {})[privilege] = all ? '*' : columns;
  expect(found).toEqual(WRITES);
});

test('it deletes, empties and owns nothing', async () => {
  const { rows } = await database.pool.query(
    `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')
        AND (pg_get_userbyid(relowner) = $1 OR (relkind <> 'S' AND has_table_privilege($1, oid, 'DELETE, TRUNCATE, TRIGGER, REFERENCES')))`,
    [API_ROLE],
  );
  expect(rows).toEqual([]);
  const { rows: role } = await database.pool.query(
    'SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = $1',
    [API_ROLE],
  );
  expect(role).toEqual([
    { rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolbypassrls: false, rolcanlogin: false },
  ]);
});

test.each([
  'INSERT INTO positions (vehicle_id, time, legacy_id, latitude, longitude) VALUES (1, now(), 1, 0, 0)',
  'UPDATE vehicles SET watermark = 0',
  'UPDATE graphs SET state = state',
  'DELETE FROM quarantine',
  'UPDATE audit_log SET actor = actor',
  `INSERT INTO api_keys (id, name, role, secret_sha256, created_by) VALUES ('aaaaaaaaaaaa', 'x', 'admin', sha256(''), 'x')`,
  'CREATE TABLE public.mine (id int)',
])('as the API: %s is refused', async (sql) => {
  await expect(api.query(sql)).rejects.toMatchObject({ code: '42501' });
});

test('what is in the audit log stays, whoever is connected', async () => {
  await api.query(`INSERT INTO audit_log (actor, action, subject) VALUES ('test', 'test.done', 'test')`);
  for (const sql of [`UPDATE audit_log SET actor = 'other'`, 'DELETE FROM audit_log']) {
    await expect(database.pool.query(sql)).rejects.toThrow('append-only');
  }
});

test('a login that may not make the role is told what to do, and nothing else of the migration fails', async () => {
  const lines: string[] = [];
  const [name, login] = ['fleetgraph_no_role', 'fleetgraph_no_rights'];
  const { host, port, user } = new pg.Client({ connectionString: database.url });
  const admin = new pg.Client({ host, port, user: user!, database: 'postgres' });
  await admin.connect();
  try {
    await admin.query(`CREATE ROLE ${login} LOGIN`);
    await admin.query(`CREATE DATABASE ${name} OWNER ${login}`);
    await migrate(`postgres://${login}@${host}:${port}/${name}`, (line) => lines.push(line));
    await migrate(`postgres://${login}@${host}:${port}/${name}`);
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin.query(`DROP ROLE IF EXISTS ${login}`);
    await admin.end();
  }
  // The role exists in this cluster: it has its rights there, and the login just may not become it.
  expect(lines.join('\n')).toMatch(/may not work as fleetgraph_api/);
});
