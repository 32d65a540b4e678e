import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { DYNAMIC_CONFIG } from '../../src/stack/servers/temporal.ts';
import * as searchAttributes from '../../src/workflows/legacy-sync/search-attributes.ts';
import { compose, composeText, isJob, isOurs, readText, root, services } from './compose-file.ts';

const names = (predicate: (name: string) => boolean): string[] =>
  services.map(([name]) => name).filter((name) => predicate(name));
const service = (name: string) => compose.services[name]!;
const without = (property: string): string[] => names((name) => service(name)[property] === undefined);

const OURS = /^(FLEETGRAPH|TEMPORAL)_/;
const configReads = new Set(
  ['src/config.ts', 'src/connections/temporal-access.ts'].flatMap(
    (file) => readText(file).match(/FLEETGRAPH_[A-Z_]+/g) ?? [],
  ),
);
const asked = new Set([...composeText.matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name]) => name!));
const offered = new Set([...readText('.env.example').matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name!));

test('every image and base image is pinned to a full version', () => {
  const images = services.map(([, { image }]) => image);
  const bases = ['Dockerfile', 'docker/s3/Dockerfile', 'docker/legacy/Dockerfile'].flatMap((file) =>
    [...readText(file).matchAll(/^FROM (\S+)/gm)].map(([, base]) => base!),
  );
  const unpinned = [...images, ...bases].filter((image) => !/:v?\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$/.test(image));
  expect(bases.length).toBeGreaterThanOrEqual(4);
  expect(unpinned).toEqual([]);
});

test('every container is bounded and has nothing that it does not need', () => {
  for (const property of ['user', 'mem_limit', 'pids_limit', 'restart', 'logging']) {
    expect({ property, missing: without(property) }).toEqual({ property, missing: [] });
  }
  const soft = services.filter(
    ([, { read_only, init, cap_drop, security_opt, user }]) =>
      read_only !== true ||
      init !== true ||
      JSON.stringify(cap_drop) !== '["ALL"]' ||
      JSON.stringify(security_opt) !== '["no-new-privileges:true"]' ||
      /^(root|0)(:|$)/.test(user ?? 'root'),
  );
  expect(soft.map(([name]) => name)).toEqual([]);
  const escapes = ['privileged', 'cap_add', 'network_mode', 'pid', 'ipc', 'userns_mode', 'devices'];
  expect(names((name) => escapes.some((escape) => escape in service(name)))).toEqual([]);
  expect(composeText).not.toContain('docker.sock');
});

test('every server has a health check, and every wait is for health or for a job that has ended well', () => {
  const unchecked = services.filter(([, each]) => !isJob(each) && each.healthcheck === undefined);
  expect(unchecked.map(([name]) => name)).toEqual([]);
  const waits = services.flatMap(([name, { depends_on }]) =>
    Object.entries(depends_on ?? {}).map(([on, { condition }]) => ({ name, on, condition })),
  );
  expect(waits.length).toBeGreaterThan(10);
  const wrong = waits.filter(
    ({ on, condition }) => condition !== (isJob(service(on)) ? 'service_completed_successfully' : 'service_healthy'),
  );
  expect(wrong).toEqual([]);
  // `docker compose up --wait` takes the end of a job that nobody waits for as a failure.
  const awaited = new Set(waits.map(({ on }) => on));
  expect(services.filter(([name, each]) => isJob(each) && !awaited.has(name))).toEqual([]);
});

test('ports are published on the loopback only, and .env moves each', () => {
  const published = services.flatMap(([, { ports }]) => ports ?? []);
  expect(published.length).toBeGreaterThanOrEqual(7);
  expect(published.filter((port) => !/^127\.0\.0\.1:\$\{FLEETGRAPH_PUBLISH_[A-Z0-9_]+:-\d*\}:\d+$/.test(port))).toEqual(
    [],
  );
});

test('no secret is written down', () => {
  const written = services.flatMap(([name, { environment }]) =>
    Object.entries(environment ?? {})
      .filter(
        ([key, value]) => /PASSWORD|SECRET|ACCESS_KEY|PWD/.test(key) && !/^\$\{[A-Z0-9_]+:\?.+\}$/.test(String(value)),
      )
      .map(([key]) => `${name}: ${key}`),
  );
  expect(written).toEqual([]);
  expect(composeText.match(/:\/\/[^\s/@$]*:(?!\$\{)[^\s/@]*@/g)).toBeNull();
  // Arguments can be read by every process of the machine.
  const shown = services.filter(([, { command, entrypoint, healthcheck }]) =>
    /PASSWORD|SECRET/.test(JSON.stringify([command, entrypoint, healthcheck])),
  );
  expect(shown).toEqual([]);
  const filled = readText('.env.example').match(/^FLEETGRAPH_[A-Z0-9_]*(PASSWORD|KEY)=.+/gm);
  expect(filled).toBeNull();
});

test('our processes are given variables that our configuration reads, production among them', () => {
  for (const [name, { environment }] of services.filter(([, each]) => isOurs(each))) {
    const unread = Object.keys(environment ?? {}).filter(
      (key) => !configReads.has(key) && !/^TEMPORAL_(ADDRESS|NAMESPACE)$/.test(key),
    );
    expect({ name, unread }).toEqual({ name, unread: [] });
    expect(environment).toMatchObject({ FLEETGRAPH_ENV: 'production', TEMPORAL_ADDRESS: 'temporal:7233' });
  }
});

test('.env.example offers every variable that compose or the configuration reads, and no other', () => {
  const known = new Set([...asked, ...configReads, 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE']);
  // Read by compose alone, and only by the launcher of private stacks.
  known.delete('FLEETGRAPH_STACK_AUTH');
  // For the fault tests: a worker that is told to kill itself is nobody's configuration.
  known.delete('FLEETGRAPH_FAULT');
  expect([...offered].sort()).toEqual([...known].filter((name) => OURS.test(name)).sort());
});

test('every file that is mounted, run or copied into an image exists', () => {
  const mounted = services.flatMap(([, { volumes }]) =>
    (volumes ?? [])
      .map((volume) => volume.replace(/\$\{[A-Z_]+:-(.*?)\}/, '$1').split(':')[0]!)
      .filter((source) => source.startsWith('.')),
  );
  const scripts = services.flatMap(([, { volumes, entrypoint, healthcheck }]) =>
    [...(entrypoint ?? []), ...(healthcheck?.test ?? [])]
      .filter((argument) => argument.startsWith('/fleetgraph/'))
      .map((argument) =>
        argument.replace(
          '/fleetgraph',
          volumes?.find((volume) => volume.includes(':/fleetgraph:'))?.split(':')[0] ?? 'nowhere',
        ),
      ),
  );
  const programs = services
    .filter(([, each]) => isOurs(each))
    .flatMap(([, { command }]) => command ?? [])
    .filter((argument) => argument.startsWith('dist/'))
    .map((argument) => argument.replace(/^dist\/(.*)\.js$/, 'src/$1.ts'));
  const copied = [...readText('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) =>
    sources!.split(' '),
  );
  const referenced = [...mounted, ...scripts, ...programs, ...copied];
  expect(programs).toContain('src/cli/main.ts');
  expect(scripts).toContain('./docker/temporal/schema.sh');
  expect(copied).toContain('migrations');
  expect(copied).toContain('data/cities');
  expect(referenced.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  const letThrough = new Set([...readText('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, file]) => file));
  expect(copied.filter((file) => !letThrough.has(file))).toEqual([]);
});

test('the staging volume lies where the workers look and belongs to their user', () => {
  const { environment, volumes, user } = service('worker');
  const stagingDir = environment?.['FLEETGRAPH_STAGING_DIR'];
  expect(volumes).toContain(`staging:${stagingDir}`);
  const dockerfile = readText('Dockerfile');
  expect(dockerfile).toMatch(new RegExp(`install --directory --owner=fleetgraph .*${stagingDir}`));
  expect(dockerfile).toContain(`useradd --uid ${user?.split(':')[0]} `);
});

test('Redis persists as specified and never evicts what has no expiry', () => {
  const script = readText('docker/redis/start.sh');
  expect(script).toContain("'save 900 1 300 10 60 10000'");
  expect(script).toContain("'maxmemory 2gb'");
  expect(script).toContain("'maxmemory-policy volatile-lru'");
});

test('the namespace gets the search attributes that the workflows set', () => {
  const registered = [...readText('docker/temporal/namespace.sh').matchAll(/--name (\w+) --type (\w+)/g)];
  const set = Object.values(searchAttributes).map(({ name, type }) => `${name} ${type}`);
  expect(registered.map(([, name, type]) => `${name} ${type!.toUpperCase()}`).sort()).toEqual(set.sort());
});

test('the private Temporal server has the settings of the one in compose', () => {
  const yaml = parse(readText('temporal/dynamic-config.yaml')) as Record<string, { value: unknown }[]>;
  const flags = Object.fromEntries(DYNAMIC_CONFIG.map((flag) => flag.split('=') as [string, string]));
  // A button that compose's server does not have.
  delete flags['frontend.WorkflowPauseEnabled'];
  const unquoted = Object.entries(flags).map(([key, value]) => [key, [{ value: JSON.parse(value) as unknown }]]);
  expect(Object.fromEntries(unquoted)).toEqual(yaml);
});

test('the launcher of private stacks finds the services and ports it asks for', () => {
  const wanted = [...readText('src/stack/compose.ts').matchAll(/service: '([a-z-]+)', port: (\d+)/g)];
  expect(wanted.length).toBeGreaterThanOrEqual(6);
  const missing = wanted.filter(
    ([, name, port]) => !compose.services[name!]?.ports?.some((each) => each.endsWith(`:${port}`)),
  );
  expect(missing.map(([text]) => text)).toEqual([]);
  expect(readText('src/stack/compose.ts')).toContain(`'docker', 'private-stack.env'`);
});
