import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseSync } from '@swc/core';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

const root = checkoutDir();

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
  // The settings' schema is pure (see PURE); their rows are read over a connection.
  settings: ['connections', 'errors'],
  // Permits, breaker and order of the queue: decided by pure functions, applied in PostgreSQL.
  pool: ['connections', 'settings', 'errors', 'logger'],
  // Arithmetic on rows and typed arrays: no server, no clock.
  graph: [],
  // What a request reads the live graph with.
  'graph-reader': ['graph', 'connections', 'errors'],
  // The work. It implements the interfaces that the workflows own, which is why the arrow points at the pure side.
  activities: ['pool', 'graph', 'connections', 'settings', 'workflows', 'errors', 'logger'],
  // The composition root: makes connections, gives them to activities, polls. Nothing imports it but the command that starts it.
  workers: ['activities', 'pool', 'connections', 'settings', 'workflows', 'config', 'errors', 'logger'],
  // Starts and steers runs by the workflows' names and types, and never loads workflow code.
  client: ['workflows', 'connections', 'settings', 'errors'],
  // Shows encrypted payloads to those who may see them; the API may mount it.
  'codec-server': ['connections', 'errors', 'logger'],
  // As `client`, for the pipeline of the transport graph; its custom stages poll a queue of their own.
  orchestrator: ['workflows', 'connections', 'errors'],
  // `pool` to close a circuit by hand.
  cli: [
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
    'cli',
    'client',
    'orchestrator',
    'graph-reader',
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
    'client',
    'codec-server',
    'orchestrator',
    'graph',
    'graph-reader',
    'workflows',
    'connections',
    'settings',
    'config',
    'errors',
    'logger',
  ],
  // The private servers of development and tests would run under any project.
  stack: [],
};

const GRAPH_COMMAND = 'src/cli/commands/graph.ts';

/** Single files that go further than their part, each with its reason. */
const EXCEPTIONS: [from: string, to: string][] = [
  // `fleetgraph worker` is how a worker process is started.
  ['src/cli/commands/worker.ts', 'src/workers/main.ts'],
  // `fleetgraph servers test` goes the way an activity goes.
  ['src/cli/try-server.ts', 'src/activities/legacy-sync/legacy-host/legacy-hosts.ts'],
  ['src/cli/try-server.ts', 'src/activities/legacy-sync/fleet/check-server.ts'],
  // What a person decides, in one statement or switch: approve, reject, roll back.
  [GRAPH_COMMAND, 'src/activities/transport-graph/graph-builder/rollback-graph.ts'],
  [GRAPH_COMMAND, 'src/activities/transport-graph/backup-store.ts'],
  [GRAPH_COMMAND, 'src/activities/transport-graph/stage-log.ts'],
  // Settings that a new version brings are rows: they come with the schema, under the same lock.
  ['src/connections/migrations.ts', 'src/settings/ensure-settings.ts'],
  // An operator closes a circuit: one row, under the lock that belongs to it.
  ['src/api/legacy-sync/servers.service.ts', 'src/pool/breaker-store.ts'],
];

/** Files of a part that may use less than the part: they are read without a database, by tests, docs and forms. */
const PURE =
  /^src\/settings\/(definition|setting|setting-groups|legacy-sync|legacy-server|transport-graph|odata-mapping|settings-page|time-zone)\.ts$/;

/** Of the workflows, others may run only these; the rest is imported as types. */
const SHARED_WORKFLOW_FILES = /^src\/workflows\/[a-z-]+\/(messages|search-attributes)\.ts$/;

interface Import {
  from: string;
  /** A file of ours, or a package's name as written. */
  to: string;
  typeOnly: boolean;
}

interface Node {
  type: string;
  source?: { value: string } | null;
  typeOnly?: boolean;
  specifiers?: { isTypeOnly?: boolean }[];
  callee?: { type: string };
  arguments?: { expression: { type: string; value?: string } }[];
}

function importsOf(from: string, source: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) =>
    found.push({ from, to: specifier.startsWith('.') ? join(from, '..', specifier) : specifier, typeOnly });
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const node = value as Node;
    if (/^(Import|Export(Named|All)?)(Declaration)$/.test(node.type ?? '') && node.source) {
      const specifiers = node.specifiers ?? [];
      const onlyTypes = specifiers.length > 0 && specifiers.every(({ isTypeOnly }) => isTypeOnly);
      add(node.source.value, (node.typeOnly ?? false) || onlyTypes);
    }
    const [argument] = node.type === 'CallExpression' && node.callee?.type === 'Import' ? (node.arguments ?? []) : [];
    if (argument?.expression.value !== undefined) add(argument.expression.value, false);
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(source, { syntax: 'typescript', decorators: true }));
  return found;
}

/** `src/pool/breaker.ts` is of part `pool`, `src/errors.ts` of part `errors`; a package is of none. */
const partOf = (file: string): string | null => /^src\/([a-z-]+)/.exec(file)?.[1] ?? null;

/** Why an import is refused, or null. */
function refusal({ from, to, typeOnly }: Import): string | null {
  const [here, there] = [partOf(from), partOf(to)];
  const says = (reason: string) => `${from} imports ${to}: ${reason}`;
  if (here === null || ARROWS[here] === undefined) return says('src/ has no such part: give it a place in this table');
  if (there === null) {
    return here === 'workflows' && to !== '@temporalio/workflow' ? says('workflow code knows no other package') : null;
  }
  if (EXCEPTIONS.some(([a, b]) => a === from && b === to)) return null;
  if (PURE.test(from) && !PURE.test(to)) return says('this file is pure');
  if (here === there) return null;
  if (!ARROWS[here].includes(there)) return says(`${here} may import ${ARROWS[here].join(', ') || 'no other part'}`);
  if (there === 'workflows' && !typeOnly && !SHARED_WORKFLOW_FILES.test(to)) {
    return says('outside the bundle, workflow code is imported as a type');
  }
  return null;
}

const imports = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => relative(root, join(root, 'src', name)))
  .flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));

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
  ['src/settings/legacy-sync.ts', `import { a } from './store.ts';`],
  ['src/unheard-of/x.ts', `import { a } from '../errors.ts';`],
])('%s may not say %s', (file, source) => {
  expect(importsOf(file, source).map(refusal)).toEqual([expect.stringContaining(file)]);
});

test.each([
  ['src/client/x.ts', `import type { fleetSync } from '../workflows/legacy-sync/fleet-sync.ts';`],
  ['src/client/x.ts', `import { type fleetSync } from '../workflows/legacy-sync/fleet-sync.ts';`],
  ['src/activities/x.ts', `import { vehicleSyncWorkflowId } from '../workflows/legacy-sync/messages.ts';`],
  ['src/cli/commands/worker.ts', `import { runWorkers } from '../../workers/main.ts';`],
])('%s may say %s', (file, source) => {
  expect(importsOf(file, source).map(refusal)).toEqual([null]);
});
