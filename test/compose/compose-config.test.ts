import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findOnPath, runCommand } from '../../src/stack/run-command.ts';
import { root } from './compose-file.ts';

// Compose's own loader; containers are never started here, which needs an engine.
const go = findOnPath('go', ['/usr/local/go/bin']);
if (go === null) console.log("compose's own checks are skipped: no Go to build its loader with");
const testWithCompose = go === null ? test.skip : test;

/** A copy of what `docker compose` reads in a fresh clone. */
let clone: string;

let loader: string;

beforeAll(async () => {
  clone = mkdtempSync(join(tmpdir(), 'fleetgraph-compose-'));
  for (const file of ['docker-compose.yml', '.env.example', 'docker'])
    cpSync(join(root, file), join(clone, file), { recursive: true });
  loader = join(clone, 'compose-loader');
  if (go !== null) await buildLoader(go);
}, 600_000);
afterAll(() => rmSync(clone, { recursive: true, force: true }));

interface Resolved {
  services: Record<
    string,
    {
      environment?: Record<string, string>;
      ports?: { published?: string; host_ip?: string }[];
      restart?: string;
    }
  >;
}

/** Go keeps what it compiled, so that only the first build on a machine takes longer than a second. */
async function buildLoader(program: string): Promise<void> {
  const build = ['build', '-C', join(root, 'tools/compose'), '-o', loader, '.'];
  const { exitCode, stderr } = await runCommand(program, build, { timeoutMs: 600_000 });
  if (exitCode !== 0) throw new Error(`compose's loader could not be built: ${stderr}`);
}

/** The file as compose resolves it. */
function resolve(args: string[] = [], environment: Record<string, string> = {}) {
  // The caller's own variables would win over .env.
  const ownless = Object.entries(process.env).filter(([name]) => !/^(FLEETGRAPH|COMPOSE)_/.test(name));
  const env = { ...Object.fromEntries(ownless), ...environment };
  return runCommand(loader, [...args, join(clone, 'docker-compose.yml')], { cwd: clone, env });
}

const DEMO = { COMPOSE_PROFILES: 'demo' };

testWithCompose('without an .env compose refuses and says how to make one', async () => {
  const { exitCode, stderr } = await resolve();
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain('run docker/make-env.sh first');
});

testWithCompose('with the .env that docker/make-env.sh makes, compose accepts the file in every profile', async () => {
  execFileSync('bash', [join(clone, 'docker/make-env.sh')], { stdio: 'pipe' });
  const withoutDemo = await resolve();
  expect(withoutDemo).toMatchObject({ exitCode: 0, stderr: '' });
  expect((JSON.parse(withoutDemo.stdout) as Resolved).services).not.toHaveProperty('legacy');
  const { exitCode, stdout, stderr } = await resolve([], DEMO);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const { services } = JSON.parse(stdout) as Resolved;
  expect(services['timescaledb']?.environment?.['POSTGRES_HOST_AUTH_METHOD']).toBe('scram-sha-256');
  expect(services['worker']?.environment?.['FLEETGRAPH_POSTGRES_URL']).toMatch(
    /^postgres:\/\/fleetgraph:[0-9a-f]{48}@timescaledb:5432\/fleetgraph$/,
  );
  expect(services['legacy']?.environment?.['LEGACY_AUTHORIZED_KEY']).toMatch(/^ssh-ed25519 /);
  expect(services).not.toHaveProperty('prometheus');
  // What is merged from several anchors comes out as meant.
  expect(services['migrate']).toMatchObject({ restart: 'on-failure:5', image: 'fleetgraph:0.1.0', read_only: true });
});

testWithCompose('compose accepts the profile of Prometheus, Alertmanager and Grafana', async () => {
  execFileSync('bash', [join(clone, 'docker/make-env.sh')], { stdio: 'pipe' });
  const { exitCode, stdout, stderr } = await resolve([], { COMPOSE_PROFILES: 'monitoring' });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const { services } = JSON.parse(stdout) as Resolved;
  expect(Object.keys(services)).toEqual(expect.arrayContaining(['prometheus', 'alertmanager', 'grafana']));
  expect(services['grafana']?.ports).toEqual([expect.objectContaining({ host_ip: '127.0.0.1' })]);
});

testWithCompose('the launcher of private stacks gets servers without passwords on ports that nobody uses', async () => {
  const { stdout, stderr } = await resolve(['-env-file', join(clone, 'docker/private-stack.env')], {
    ...DEMO,
    FLEETGRAPH_LEGACY_AUTHORIZED_KEY: 'ssh-ed25519 AAAA',
  });
  expect(stderr).toBe('');
  const { services } = JSON.parse(stdout) as Resolved;
  expect(services['timescaledb']?.environment?.['POSTGRES_HOST_AUTH_METHOD']).toBe('trust');
  expect(services['redis']?.environment?.['STACK_AUTH']).toBe('trust');
  for (const name of ['timescaledb', 'redis', 'temporal', 'temporal-ui', 'legacy']) {
    const ports = services[name]?.ports ?? [];
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.map(({ host_ip, published }) => [host_ip, published ?? ''])).toEqual(
      ports.map(() => ['127.0.0.1', '']),
    );
  }
});

test('docker/make-env.sh fills every secret with one of its own and keeps an .env that exists', () => {
  rmSync(join(clone, '.env'), { force: true });
  execFileSync('bash', [join(clone, 'docker/make-env.sh')], { stdio: 'pipe' });
  const made = readFileSync(join(clone, '.env'), 'utf8');
  expect(made.match(/^FLEETGRAPH_\w+=$/gm)).toBeNull();
  const secrets = made.match(/=[0-9a-f]{48}$/gm) ?? [];
  expect(secrets.length).toBeGreaterThanOrEqual(6);
  expect(new Set(secrets).size).toBe(secrets.length);
  expect(statSync(join(clone, '.env')).mode & 0o077).toBe(0);
  expect(statSync(join(clone, 'docker/secrets/demo-legacy-login')).mode & 0o077).toBe(0);
  execFileSync('bash', [join(clone, 'docker/make-env.sh')], { stdio: 'pipe' });
  expect(readFileSync(join(clone, '.env'), 'utf8')).toBe(made);
});
