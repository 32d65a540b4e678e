// Runs jest in ESM mode; `--unit` runs only the files that need neither a server nor the build. Other arguments go to jest.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const jest = join(root, 'node_modules/jest/bin/jest.js');
const [unit, args] = partition(process.argv.slice(2));

const files = readdirSync(join(root, 'test'), { recursive: true }).filter((name) => name.endsWith('.test.ts'));
const NEEDS_SERVERS =
  /support\/(stack|own-stack|worker|fleet|pipeline)|stack\/(stack|servers)|(fleet|sync|legacy-host)-fixture/;
// A process of its own, which runs what tsc made.
const NEEDS_BUILD = /stream-dump\.mjs/;
const needsMore = (name) => {
  const source = readFileSync(join(root, 'test', name), 'utf8');
  return [NEEDS_SERVERS, NEEDS_BUILD].some((pattern) => pattern.test(source));
};
const selected = unit ? files.filter((name) => !needsMore(name)).map((name) => join(root, 'test', name)) : [];

const result = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    jest,
    '--rootDir',
    root,
    ...(unit ? ['--runTestsByPath', ...selected] : []),
    ...args,
  ],
  { stdio: 'inherit', cwd: root, env: { ...process.env, ...(unit ? { FLEETGRAPH_TEST_SERVERS: 'none' } : {}) } },
);
process.exit(result.status ?? 1);

function partition(argv) {
  return [argv.includes('--unit'), argv.filter((argument) => argument !== '--unit')];
}
