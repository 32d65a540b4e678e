import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from '@swc/core';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

/**
 * Where SQL names our tables outside of src/records, which tables, and why: the statement is an algorithm, not the meaning of a row. A path
 * that ends with / is a folder.
 */
const ALGORITHMS: Record<string, readonly string[]> = {
  // A claim is several statements of one transaction, under the servers' locks.
  'src/activities/legacy-sync/fleet/claim-vehicle.ts': ['vehicle_syncs', 'vehicles', 'legacy_servers', 'table_slices'],
  'src/activities/legacy-sync/fleet/current-claim.ts': ['vehicle_syncs', 'vehicles'],
  'src/activities/legacy-sync/fleet/wait-reasons.ts': ['vehicle_syncs'],
  // Staged rows are merged with those that are there, and judged by them.
  'src/activities/legacy-sync/load/staged-rows.ts': ['positions', 'vehicles'],
  'src/activities/legacy-sync/load/ids-given-anew.ts': ['positions', 'vehicles', 'sync_runs'],
  // Rows that arrived are summed and compared with the source's.
  'src/activities/legacy-sync/reconciliation/': ['positions'],
  // A graph is made of the network in a few large statements.
  'src/activities/transport-graph/graph-builder/graph-identity.ts': ['virtual_stops', 'virtual_routes'],
  'src/activities/transport-graph/graph-builder/read-graph-rows.ts': [
    'stops',
    'routes',
    'flights',
    'virtual_stops',
    'virtual_routes',
  ],
  // Virtual entities are generated in SQL.
  'src/activities/transport-graph/virtual-entities/': ['stops', 'routes', 'flights', 'virtual_stops', 'virtual_routes'],
  // Circuits, permits, rates and limits are decided by pure functions, and applied under the lock of their server.
  'src/pool/circuit-store.ts': ['legacy_server_state'],
  'src/pool/host-rates.ts': ['server_rates'],
  'src/pool/limit-store.ts': ['legacy_server_state', 'legacy_servers'],
  'src/pool/permit-rows.ts': ['server_permits'],
  'src/pool/server-state.ts': ['legacy_server_state'],
  // The demo compares what arrived with its own legacy host.
  'src/demo/compare.ts': ['positions', 'vehicles'],
  // An example of a command, for docs/settings.md.
  'src/settings/settings-page.ts': ['system_settings'],
};

/** Every table that a migration has made. */
const tables = new Set(
  readdirSync(join(checkoutDir(), 'migrations')).flatMap((name) =>
    [
      ...readFileSync(join(checkoutDir(), 'migrations', name), 'utf8').matchAll(
        /CREATE TABLE (?:IF NOT EXISTS )?(\w+)/g,
      ),
    ].map(([, table]) => table!),
  ),
);

/** The strings of a source, the parts of templates included; comments are none. */
function stringsOf(source: string): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const node = value as { type?: string; value?: unknown; cooked?: unknown };
    if (node.type === 'StringLiteral') found.push(String(node.value));
    if (node.type === 'TemplateElement') found.push(String(node.cooked));
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(source.replace(/^#!/, '//'), { syntax: 'typescript', decorators: true }));
  return found;
}

/** The tables that SQL in a source names. */
const tablesIn = (source: string): string[] => {
  const named = stringsOf(source).flatMap((text) =>
    [...text.matchAll(/\b(?:FROM|JOIN|INTO|UPDATE|TABLE|TRUNCATE)\s+(?:ONLY\s+)?(\w+)/g)].map(([, name]) => name!),
  );
  return [...new Set(named)].filter((name) => tables.has(name));
};

const placeOf = (file: string): string | undefined =>
  Object.keys(ALGORITHMS).find((place) => file === place || (place.endsWith('/') && file.startsWith(place)));

/** Why SQL of a file is refused. */
function refusals(file: string, source: string): string[] {
  if (file.startsWith('src/records/')) return [];
  const place = placeOf(file);
  const allowed = place === undefined ? [] : ALGORITHMS[place]!;
  return tablesIn(source)
    .filter((table) => !allowed.includes(table))
    .map((table) => `${file} names ${table}: what its rows mean belongs into src/records`);
}

const sources = readdirSync(join(checkoutDir(), 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ file: `src/${name}`, source: readFileSync(join(checkoutDir(), 'src', name), 'utf8') }));

test('what a row means is spelt in src/records', () => {
  expect(tables.size).toBeGreaterThan(30);
  expect(sources.length).toBeGreaterThan(500);
  expect(sources.flatMap(({ file, source }) => refusals(file, source))).toEqual([]);
});

test('every table that an algorithm is allowed is one that it needs', () => {
  const needed = new Map<string, Set<string>>();
  for (const { file, source } of sources) {
    const place = placeOf(file);
    if (place !== undefined) needed.set(place, new Set([...(needed.get(place) ?? []), ...tablesIn(source)]));
  }
  const idle = Object.entries(ALGORITHMS).flatMap(([place, allowed]) =>
    allowed.filter((table) => needed.get(place)?.has(table) !== true).map((table) => `${place} ${table}`),
  );
  expect(idle).toEqual([]);
});

test.each([
  [
    'a query of the API',
    'src/api/runs/planted.ts',
    'const a = `SELECT 1 FROM sync_runs WHERE state = ${b}`;',
    'sync_runs',
  ],
  ['a join', 'src/cli/planted.ts', "q('SELECT 1 FROM generate_series(1, 2) JOIN datasets ON true');", 'datasets'],
  ['an update', 'src/workers/planted.ts', 'q(`UPDATE vehicle_syncs SET state = 1`);', 'vehicle_syncs'],
  ['a table that is not its algorithm’s', 'src/pool/host-rates.ts', 'q(`DELETE FROM quarantine`);', 'quarantine'],
])('%s is seen', (_what, file, source, table) => {
  expect(refusals(file, source)).toEqual([`${file} names ${table}: what its rows mean belongs into src/records`]);
});

test('a comment is no query', () => {
  expect(refusals('src/api/planted.ts', '/** UPDATE sync_runs */ const a = 1; // FROM datasets')).toEqual([]);
});

/** A worker process has one reader, which keeps the last good settings when a row is refused. Nothing else in it reads the rows. */
const readsPastTheReader = (file: string, source: string): boolean =>
  /^src\/(activities|workers|pool)\//.test(file) && /\breadSettings\b/.test(source);

test('a worker process reads the settings of the legacy sync by its one reader', () => {
  expect(sources.filter(({ file, source }) => readsPastTheReader(file, source)).map(({ file }) => file)).toEqual([]);
  expect(readsPastTheReader('src/activities/planted.ts', 'const s = await readSettings(pool);')).toBe(true);
});
