import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

const root = checkoutDir();
const readText = (file: string): string => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(readText('package.json')) as {
  engines: { node: string };
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};
const wanted = { ...manifest.dependencies, ...manifest.devDependencies };
interface LockedPackage {
  version?: string;
  optionalDependencies?: Record<string, string>;
}
const locked = (JSON.parse(readText('package-lock.json')) as { packages: Record<string, LockedPackage> }).packages;

test('every dependency is pinned to one version', () => {
  expect(Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

// A registry that lacks a platform leaves it out of the lock in silence; npm 11 then refuses `npm ci` everywhere.
test('the lock names the binaries of every platform', () => {
  const optional = Object.entries(locked).flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).map((name) => ({ path, name })),
  );
  expect(optional.length).toBeGreaterThan(50);
  const missing = optional.filter(
    ({ path, name }) => !(`node_modules/${name}` in locked) && !(`${path}/node_modules/${name}` in locked),
  );
  expect(missing.map(({ name }) => name)).toEqual([]);
});

// The SDK's packages ask for each other by exact version: two versions at once load two copies of the SDK.
test('all @temporalio packages are of one version', () => {
  const versions = Object.entries(locked).flatMap(([path, { version }]) =>
    /(^|\/)node_modules\/@temporalio\/[^/]+$/.test(path) ? [`${version}`] : [],
  );
  expect(versions.length).toBeGreaterThan(6);
  expect([...new Set(versions)]).toEqual([wanted['@temporalio/workflow']]);
});

// Without our own dependency npm hoists the 7.x of @grpc/proto-loader and nests an 8.x under each SDK package; a message made by one
// copy is no message to the next, and reading a history from JSON throws "type must be a Type".
test('there is one protobufjs 8, and every package of the SDK uses it', () => {
  const copies = Object.entries(locked).filter(
    ([path, { version }]) => /(^|\/)node_modules\/protobufjs$/.test(path) && version?.startsWith('8.'),
  );
  expect(copies.map(([path]) => path)).toEqual(['node_modules/protobufjs']);
  const ours = createRequire(join(root, 'package.json')).resolve('protobufjs');
  for (const name of ['common', 'proto', 'worker', 'client']) {
    const theirs = createRequire(join(root, `node_modules/@temporalio/${name}/package.json`));
    expect({ name, protobufjs: theirs.resolve('protobufjs') }).toEqual({ name, protobufjs: ours });
  }
});

test('the image, .nvmrc and engines agree on Node', () => {
  const major = readText('.nvmrc').trim();
  expect(readText('Dockerfile')).toContain(`FROM node:${major}.`);
  expect(manifest.engines.node).toBe('>=20.19');
});

test('compose runs the Temporal server that the development binary contains', () => {
  const [, server] = /go\.temporal\.io\/server v(\S+)/.exec(readText('temporal/go.mod')) ?? [];
  expect(server).toMatch(/^\d+\.\d+\.\d+$/);
  const compose = readText('docker-compose.yml');
  expect(compose).toContain(`temporalio/server:${server}`);
  expect(compose).toContain(`temporalio/admin-tools:${server}`);
});

test.each(['README.md', 'CONTRIBUTING.md'])('every npm command that %s tells exists', (file) => {
  const commands = [...readText(file).matchAll(/\bnpm (?:run (?:--silent )?([a-z:-]+)|(test))\b/g)].map(
    ([, run, plain]) => run ?? plain!,
  );
  expect(commands.length).toBeGreaterThan(0);
  expect(commands.filter((command) => !(command in manifest.scripts))).toEqual([]);
});

test('README begins with the demo and the tests', () => {
  const readme = readText('README.md');
  const demo = readme.indexOf('npm ci && npm run demo');
  expect(demo).toBeGreaterThan(0);
  expect(readme.indexOf('npm ci && npm test')).toBeGreaterThan(demo);
});

test('every link between our documents leads somewhere', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/errors.md'];
  const dead = documents.flatMap((file) =>
    [...readText(file).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
      .filter(([, target]) => !existsSync(join(root, file, '..', target!)))
      .map(([, target]) => `${file}: ${target}`),
  );
  expect(dead).toEqual([]);
});
