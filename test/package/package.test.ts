/** The package as a program of somebody else's meets it: packed, installed into a project of its own, its examples compiled and run. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { filterProblems } from '@arethetypeswrong/core/problems';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { publint } from 'publint';
import { NO_WORKER } from '../../src/workflows/transport-graph/messages.ts';
import { type Pipeline, openPipeline } from '../support/pipeline.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

let project: string;
/** The file that `npm pack` made. */
let packed: string;
let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline({ settings: { 'virtual.horizon_days': 3 } });
  project = await mkdtemp(join(tmpdir(), 'fleetgraph-project-'));
  await install();
}, 120_000);
afterAll(async () => {
  await pipeline.close();
  await rm(project, { recursive: true });
});

/** As `npm install fleetgraph.tgz` without a registry: the package's files, and what its manifest depends on, which lies here already. */
async function install(): Promise<void> {
  await cp(join(import.meta.dirname, 'project'), project, { recursive: true });
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module' }));
  const modules = join(project, 'node_modules');
  await mkdir(modules);
  const { stdout } = await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', project], {
    cwd: ROOT,
  });
  packed = join(project, stdout.trim());
  await run('tar', ['xzf', packed, '--transform', 's,^package,node_modules/fleetgraph,'], { cwd: project });
  const manifest = JSON.parse(await readFile(join(modules, 'fleetgraph/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  // A TypeScript project has types of Node of its own.
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
}

/** Runs the project's files one after the other in one process. */
async function program(...files: string[]): Promise<{ printed: string[]; complained: string[] }> {
  const main = files.map((file) => `await import('./${file}.js');\nawait due;\n`).join('');
  await writeFile(join(project, 'main.mjs'), `${EVERY_SIX_HOURS_NOW}${main}process.exit();\n`);
  const { stdout, stderr } = await run(process.execPath, ['main.mjs'], {
    cwd: project,
    env: { ...pipeline.environment, FLEETGRAPH_LOG_LEVEL: 'silent' },
  });
  const own = (text: string): string[] => text.split('\n').filter((line) => /^(✅|❌|🔄|a )/.test(line));
  return { printed: own(stdout), complained: own(stderr) };
}

/** What is to be done every six hours is done at once, and the program waits for it. */
const EVERY_SIX_HOURS_NOW = `const every = globalThis.setInterval;
let due = Promise.resolve();
globalThis.setInterval = (work, ms, ...rest) => (ms === 21_600_000 ? void (due = work()) : every(work, ms, ...rest));
`;

test('publint finds nothing to say against its manifest', async () => {
  const { messages } = await publint({ pkgDir: join(project, 'node_modules/fleetgraph'), pack: false, strict: true });
  expect(messages).toEqual([]);
});

test('each of its modules resolves, with its types, as in Node and as in a bundler', async () => {
  const found = await checkPackage(createPackageFromTarballData(await readFile(packed)));
  if (found.types === false) throw new Error('The package has no types.');
  expect(Object.keys(found.entrypoints)).toEqual(
    expect.arrayContaining(['./orchestrator', './client', './graph-reader', './config']),
  );
  // ESM only, as Node 20.19 and later can require it, too.
  const wrong = (['node16-esm', 'bundler'] as const).flatMap((resolutionKind) =>
    filterProblems(found, { resolutionKind }),
  );
  expect(wrong).toEqual([]);
});

test('the examples compile against the declarations, as they are written but for the import path', async () => {
  const options = '--module nodenext --target es2023 --strict --skipLibCheck --types node'.split(' ');
  const files = [
    'initialize-workers',
    'initialize-alone',
    'manual-pipeline',
    'single-worker',
    'scheduled',
    'reading',
    'finish',
  ];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, ...options, ...files.map((file) => `${file}.ts`)], { cwd: project });
});

test('without a worker process the pipeline cannot run, and the command that starts one is named', async () => {
  expect(await program('initialize-workers', 'manual-pipeline')).toEqual({
    printed: [],
    complained: [`❌ Pipeline failed: The pipeline cannot run: ${NO_WORKER}`],
  });
});

test('with a worker of its own the program alone runs the pipeline, and reads what it made', async () => {
  expect(
    await program('initialize-alone', 'manual-pipeline', 'single-worker', 'scheduled', 'reading', 'finish'),
  ).toMatchObject({
    complained: [],
    printed: expect.arrayContaining([
      '✅ Pipeline completed',
      '✅ Graph built',
      '🔄 Starting scheduled pipeline...',
      '✅ Scheduled pipeline completed',
      'a graph with stop-0000',
      expect.stringMatching(/^a fleet of at most \d+ workers$/),
    ]),
  });
});
