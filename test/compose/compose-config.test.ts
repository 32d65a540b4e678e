import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runCommand } from '../../src/stack/run-command.ts';
import { root } from './compose-file.ts';
import { findCompose } from './compose-tool.ts';

// Compose's own reading of the file; containers are never started here, which needs an engine.
const tool = await findCompose();
if ('missing' in tool) console.log(`compose's own checks are skipped: ${tool.missing}`);
const testWithCompose = 'missing' in tool ? test.skip : test;

/** A copy of what `docker compose` reads in a fresh clone. */
let clone: string;

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'fleetgraph-compose-'));
  for (const file of ['docker-compose.yml', '.env.example', 'docker'])
    cpSync(join(root, file), join(clone, file), { recursive: true });
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

function config(args: string[], environment: Record<string, string> = {}) {
  if ('missing' in tool) throw new Error(tool.missing);
  const [program, ...first] = tool.command;
  // The caller's own variables would win over .env.
  const ownless = Object.entries(process.env).filter(([name]) => !/^(FLEETGRAPH|COMPOSE)_/.test(name));
  const env = { ...Object.fromEntries(ownless), ...environment };
  return runCommand(program, [...first, '-f', join(clone, 'docker-compose.yml'), ...args], { cwd: clone, env });
}

interface Resolved {
  services: Record<
    string,
    { environment?: Record<string, string>; ports?: { published?: string; host_ip?: string }[]; restart?: string }
  >;
}

testWithCompose('without an .env compose refuses and says how to make one', async () => {
  const { exitCode, stderr } = await config(['config', '-q']);
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain('run docker/make-env.sh first');
});

testWithCompose('with the .env that docker/make-env.sh makes, compose accepts the file in every profile', async () => {
  execFileSync('bash', [join(clone, 'docker/make-env.sh')], { stdio: 'pipe' });
  expect(await config(['config', '-q'])).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await config(['--profile', 'demo', 'config', '-q'])).toMatchObject({ exitCode: 0, stderr: '' });
  expect((await config(['config', '--services'])).stdout).not.toMatch(/^legacy$/m);
  expect((await config(['--profile', 'demo', 'config', '--services'])).stdout).toMatch(/^legacy$/m);

  const { services } = JSON.parse(
    (await config(['--profile', 'demo', 'config', '--format', 'json'])).stdout,
  ) as Resolved;
  expect(services['timescaledb']?.environment?.['POSTGRES_HOST_AUTH_METHOD']).toBe('scram-sha-256');
  expect(services['worker']?.environment?.['FLEETGRAPH_POSTGRES_URL']).toMatch(
    /^postgres:\/\/fleetgraph:[0-9a-f]{48}@timescaledb:5432\/fleetgraph$/,
  );
  expect(services['legacy']?.environment?.['LEGACY_AUTHORIZED_KEY']).toMatch(/^ssh-ed25519 /);
  // What is merged from several anchors comes out as meant.
  expect(services['migrate']).toMatchObject({ restart: 'on-failure:5', image: 'fleetgraph:0.1.0', read_only: true });
});

testWithCompose('the launcher of private stacks gets servers without passwords on ports that nobody uses', async () => {
  const answers = ['--env-file', join(clone, 'docker/private-stack.env')];
  const { stdout, stderr } = await config([...answers, '--profile', 'demo', 'config', '--format', 'json'], {
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
