import { expect, test } from '@jest/globals';
import { ROOMS } from './rooms.ts';
import { type Import, importsOf, productImports } from './source-imports.ts';

/** What each part of src/ may import of the other parts, and why no more. */
const ARROWS: Record<string, string[]> = {
  // Deterministic code: whatever it imports would be replayed.
  workflows: [],
  // At the bottom, so that everything may use them.
  errors: [],
  logger: [],
  config: ['errors'],
  // Reaches out, and knows nothing of fleets.
  connections: ['errors'],
  // What can be tuned, as schemas and bounds: no server, no clock.
  settings: ['errors'],
  // What a legacy table is, from what it says of itself and a sample of its rows: arithmetic, no server, no clock.
  'legacy-inspection': ['settings'],
  // What a row means: one file per concept, functions over a pool or a transaction. `legacy-inspection` for what a column and a fix are.
  records: ['workflows', 'legacy-inspection', 'connections', 'settings', 'errors', 'logger'],
  // Permits, circuit and order of the queue: decided by pure functions, applied in PostgreSQL.
  pool: ['records', 'connections', 'settings', 'errors', 'logger'],
  // Arithmetic on rows and typed arrays: no server, no clock.
  graph: [],
  // The graph in Redis: its keys, how it is loaded, what a request reads it with.
  'graph-store': ['graph', 'connections', 'errors'],
  // The work. It implements the interfaces that the workflows own, which is why the arrow points at the pure side.
  activities: [
    'records',
    'pool',
    'graph',
    'graph-store',
    'legacy-inspection',
    'connections',
    'settings',
    'workflows',
    'errors',
    'logger',
  ],
  // The composition root: makes connections, gives them to activities, polls. Nothing imports it but the command that starts it, and the
  // package, for a program that wants a worker of its own.
  workers: [
    'activities',
    'records',
    'pool',
    'graph-store',
    'connections',
    'settings',
    'workflows',
    'config',
    'errors',
    'logger',
  ],
  // Starts and steers runs by the workflows' names and types, and never loads workflow code.
  client: ['records', 'workflows', 'connections', 'settings', 'errors'],
  // Shows encrypted payloads to those who may see them; the API may mount it.
  'codec-server': ['connections', 'errors', 'logger'],
  // As `client`, for the pipeline of the transport graph; its custom stages poll a queue of their own.
  orchestrator: ['records', 'workflows', 'connections', 'errors'],
  // What other programs import, under the names in package.json: re-exports, and a worker in the program's own process.
  package: [
    'workers',
    'orchestrator',
    'client',
    'graph',
    'graph-store',
    'records',
    'connections',
    'config',
    'errors',
    'logger',
  ],
  // `pool` to close a circuit by hand.
  cli: [
    'records',
    'graph-store',
    'client',
    'codec-server',
    'orchestrator',
    'pool',
    'workflows',
    'connections',
    'settings',
    'stack',
    'config',
    'errors',
    'logger',
  ],
  // It reads the live graph as a request would.
  demo: [
    'records',
    'emulators',
    'cli',
    'client',
    'orchestrator',
    'graph-store',
    'workflows',
    'connections',
    'settings',
    'stack',
    'config',
    'errors',
    'logger',
  ],
  // `orchestrator` for what starts the pipeline, `graph` for ways through it.
  api: [
    'records',
    'client',
    'codec-server',
    'orchestrator',
    'graph',
    'graph-store',
    'workflows',
    'connections',
    'settings',
    'config',
    'errors',
    'logger',
  ],
  // Sources to run against: the legacy fleet and the OData service of demo, tests and benches.
  emulators: ['records', 'settings', 'stack'],
  // The private servers of development and tests would run under any project.
  stack: [],
};

const GRAPH_COMMAND = 'src/cli/commands/graph.ts';

/** Single files that go further than their part, each with its reason. */
const EXCEPTIONS: [from: string, to: string][] = [
  // `fleetgraph worker` is how a worker process is started.
  ['src/cli/commands/worker.ts', 'src/workers/main.ts'],
  // `fleetgraph servers test`, `servers inspect` and `vehicles discover` go the way an activity goes.
  ['src/cli/legacy-hosts-here.ts', 'src/activities/legacy-sync/legacy-host/legacy-hosts.ts'],
  ['src/cli/legacy-hosts-here.ts', 'src/activities/legacy-sync/legacy-host/hosts-of-one-task.ts'],
  ['src/cli/inspect-server.ts', 'src/activities/legacy-sync/inspection/inspect-server.ts'],
  ['src/cli/inspect-server.ts', 'src/activities/legacy-sync/inspection/inspection.ts'],
  ['src/cli/test-server.ts', 'src/activities/legacy-sync/vehicle/test-server.ts'],
  ['src/cli/discover-vehicles.ts', 'src/activities/legacy-sync/inspection/find-new-vehicles.ts'],
  // What a person decides, in one statement or switch: approve, reject, roll back.
  [GRAPH_COMMAND, 'src/activities/transport-graph/graph-builder/rollback-graph.ts'],
  [GRAPH_COMMAND, 'src/activities/transport-graph/backup-store.ts'],
  [GRAPH_COMMAND, 'src/activities/transport-graph/stage-log.ts'],
  // An operator closes a circuit: one row, under the lock that belongs to it.
  ['src/api/servers/servers.service.ts', 'src/pool/circuit-store.ts'],
];

/** Of the workflows, others may run only these; the rest is imported as types. */
const SHARED_WORKFLOW_FILES = /^src\/workflows\/[a-z-]+\/(messages|search-attributes)\.ts$/;

/** `src/pool/circuit.ts` is of part `pool`, `src/errors.ts` of part `errors`; a package is of none. */
const partOf = (file: string): string | null => /^src\/([a-z-]+)/.exec(file)?.[1] ?? null;

/** Why an import inside a part is refused, or null. */
function roomRefusal(from: string, to: string): string | null {
  const folder = Object.keys(ROOMS).find((each) => [from, to].every((file) => file.startsWith(`${each}/`)));
  if (folder === undefined) return null;
  const rooms = ROOMS[folder]!;
  const [here, there] = [from, to].map((file) => file.slice(folder.length + 1).split('/')[0]!) as [string, string];
  const says = (reason: string) => `${from} imports ${to}: ${reason}`;
  if (here === there) return null;
  if (rooms[here] !== undefined) {
    return rooms[here].includes(there) ? null : says(`${here} may import ${rooms[here].join(', ') || 'no other room'}`);
  }
  return here.endsWith('.ts') ? null : says(`${folder} has no such room: give it a place in rooms.ts`);
}

/** Why an import is refused, or null. */
function refusal({ from, to, typeOnly }: Import): string | null {
  const [here, there] = [partOf(from), partOf(to)];
  const says = (reason: string) => `${from} imports ${to}: ${reason}`;
  if (here === null || ARROWS[here] === undefined) return says('src/ has no such part: give it a place in this table');
  if (there === null) {
    return here === 'workflows' && to !== '@temporalio/workflow' ? says('workflow code knows no other package') : null;
  }
  if (EXCEPTIONS.some(([a, b]) => a === from && b === to)) return null;
  if (here === there) return roomRefusal(from, to);
  if (!ARROWS[here].includes(there)) return says(`${here} may import ${ARROWS[here].join(', ') || 'no other part'}`);
  if (there === 'workflows' && !typeOnly && !SHARED_WORKFLOW_FILES.test(to)) {
    return says('outside the bundle, workflow code is imported as a type');
  }
  return null;
}

const imports = productImports();

test('imports point one way', () => {
  expect(imports.length).toBeGreaterThan(200);
  expect(imports.map(refusal).filter((reason) => reason !== null)).toEqual([]);
});

/** Files and packages that a program loads. */
function loadedBy(program: string): Set<string> {
  const loaded = new Set([program]);
  for (const file of loaded) for (const each of imports) if (each.from === file && !each.typeOnly) loaded.add(each.to);
  return loaded;
}

test('the API loads neither the worker’s native module nor any of the work', () => {
  const loaded = [...loadedBy('src/api/main.ts')];
  expect(loaded.length).toBeGreaterThan(60);
  expect(loaded.filter((each) => /^@temporalio\/(worker|activity)$|^src\/(activities|workers)\//.test(each))).toEqual(
    [],
  );
});

test('every room of the table is there', () => {
  const named = Object.entries(ROOMS).flatMap(([folder, rooms]) =>
    Object.keys(rooms).map((room) => `${folder}/${room}`),
  );
  const files = [...new Set(imports.flatMap(({ from, to }) => [from, to]))];
  const found = named.filter((room) => files.some((file) => file === room || file.startsWith(`${room}/`)));
  expect(named).toEqual(found);
});

test('every exception is in use', () => {
  const used = EXCEPTIONS.filter(([from, to]) => imports.some((each) => each.from === from && each.to === to));
  expect(used).toEqual(EXCEPTIONS);
});

test.each([
  ['src/workflows/legacy-sync/x.ts', `import pg from 'pg';`],
  ['src/workflows/legacy-sync/x.ts', `import type { A } from '../../activities/a.ts';`],
  ['src/workflows/legacy-sync/x.ts', `import { Failure } from '../../errors.ts';`],
  ['src/connections/x.ts', `import { a } from '../pool/a.ts';`],
  ['src/pool/x.ts', `export * from '../activities/a.ts';`],
  ['src/pool/x.ts', `export { a } from '../activities/a.ts';`],
  ['src/activities/x.ts', `const a = await import('../workers/main.ts');`],
  ['src/activities/x.ts', `import { fleetSync } from '../workflows/legacy-sync/fleet-sync.ts';`],
  ['src/client/x.ts', `import '../api/main.ts';`],
  ['src/cli/x.ts', `import { runWorkers } from '../workers/main.ts';`],
  ['src/stack/x.ts', `import { Failure } from '../errors.ts';`],
  ['src/settings/legacy-sync.ts', `import { a } from '../connections/postgres.ts';`],
  ['src/settings/legacy-sync.ts', `import { a } from '../records/settings.ts';`],
  ['src/activities/legacy-sync/dump/x.ts', `import type { A } from '../load/a.ts';`],
  ['src/activities/legacy-sync/transfer/x.ts', `import { a } from '../legacy-host/a.ts';`],
  ['src/activities/legacy-sync/load/deep/x.ts', `import { a } from '../../vehicle/a.ts';`],
  ['src/activities/legacy-sync/unheard-of/x.ts', `import { a } from '../dump/a.ts';`],
  ['src/activities/transport-graph/odata-sync/x.ts', `import type { A } from '../graph-builder/a.ts';`],
  ['src/api/core/x.ts', `import type { A } from '../auth/a.ts';`],
  ['src/api/core/x.ts', `import { a } from '../create-app.ts';`],
  ['src/records/x.ts', `import type { A } from '../api/core/a.ts';`],
  ['src/unheard-of/x.ts', `import { a } from '../errors.ts';`],
])('%s may not say %s', (file, source) => {
  expect(importsOf(file, source).map(refusal)).toEqual([expect.stringContaining(file)]);
});

test.each([
  ['src/client/x.ts', `import type { fleetSync } from '../workflows/legacy-sync/fleet-sync.ts';`],
  ['src/client/x.ts', `import { type fleetSync } from '../workflows/legacy-sync/fleet-sync.ts';`],
  ['src/activities/x.ts', `import { vehicleSyncWorkflowId } from '../workflows/legacy-sync/messages.ts';`],
  ['src/activities/legacy-sync/vehicle/x.ts', `import { a } from '../load/a.ts';`],
  ['src/api/api.module.ts', `import { a } from './runs/a.ts';`],
  ['src/cli/commands/worker.ts', `import { runWorkers } from '../../workers/main.ts';`],
])('%s may say %s', (file, source) => {
  expect(importsOf(file, source).map(refusal)).toEqual([null]);
});
