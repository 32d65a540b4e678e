import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { allPids, commandLineOf, environmentOf, isRunning } from '../../src/stack/processes.ts';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { stackEnvFile } from '../../src/stack/stack-env.ts';
import { readEnvironment, stateFolder, until } from '../support/state-folder.ts';
import { type CommandOutput, type RunningProgram, startProgram } from '../support/fleet-worker.ts';

const MAIN = join(checkoutDir(), 'dist', 'demo', 'main.js');
const SMALL = ['--vehicles', '2', '--rows', '300', '--real-vehicles', '3'];

const baseDir = stateFolder('demo');
const stateDir = join(baseDir, 'demo');
const environment = {
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  FLEETGRAPH_STATE_DIR: baseDir,
  FLEETGRAPH_STACK: 'binaries',
};
let demo: RunningProgram | undefined;

const removeFolder = () => rmSync(baseDir, { recursive: true, force: true });
beforeAll(removeFolder);
afterAll(removeFolder);
afterEach(async () => {
  if (demo?.process.exitCode === null) demo.process.kill('SIGKILL');
  await demo?.ended;
});

/** In a process group of its own, as a shell starts it. */
const startDemo = (...args: string[]): RunningProgram =>
  (demo = startProgram(process.execPath, [MAIN, ...args], environment, { detached: true }));

const untilSaid = ({ said, process: child }: RunningProgram, text: string): Promise<void> =>
  until(
    `the demo says "${text}"`,
    () => {
      if (child.exitCode !== null) throw new Error(`The demo ended:\n${said.stdout}${said.stderr}`);
      return said.stdout.includes(text);
    },
    180_000,
  );

const ourProcesses = (): number[] =>
  allPids().filter(
    (pid) =>
      pid !== process.pid &&
      isRunning(pid) &&
      [commandLineOf(pid), ...environmentOf(pid)].some((text) => text.includes(baseDir)),
  );

function expectNothingLeft(): void {
  expect(ourProcesses()).toEqual([]);
  expect(existsSync(stateDir)).toBe(false);
}

const FIRST_RUN_ENDED = 'EXISTS (SELECT FROM sync_runs WHERE finished_at IS NOT NULL)';
const SECOND_RUN_BEGAN = '(SELECT count(*) FROM sync_runs) = 2';

/** Lets PostgreSQL itself change its data once this is so: however busy the machine is, the change is neither early nor late. */
async function changeOnce(condition: string, running: RunningProgram, sql: string): Promise<void> {
  await untilSaid(running, 'legacy database filled');
  const client = new pg.Client({
    connectionString: readEnvironment(stackEnvFile(stateDir))['FLEETGRAPH_POSTGRES_URL'],
  });
  await client.connect();
  await client.query(`
    CREATE FUNCTION change_the_data() RETURNS trigger LANGUAGE plpgsql AS $change$
    BEGIN
      IF ${condition} THEN ${sql}; END IF;
      RETURN NULL;
    END $change$;
    CREATE TRIGGER change_the_data AFTER INSERT OR UPDATE ON sync_runs EXECUTE FUNCTION change_the_data()`);
  await client.end();
}

const linesOf = ({ stdout }: CommandOutput, start: string): string[] =>
  stdout.split('\n').filter((line) => line.startsWith(start));

test('syncs a fleet and what it drove on, and a Traccar server by two commands, shows both databases to be equal, builds a graph, ends with 0 and leaves nothing', async () => {
  const output = await startDemo(...SMALL).ended;
  expect(output).toMatchObject({ status: 0, stderr: '' });
  expect(linesOf(output, 'run ')).toEqual([
    expect.stringContaining(' completed: 5 completed, 0 failed, 0 were up to date; '),
    expect.stringContaining(' completed: 2 completed, 0 failed, 3 were up to date; '),
    expect.stringMatching(/ \(fleet-sync\/all\)$/),
    expect.stringContaining(' completed: 3 completed, 0 failed, 5 were up to date; '),
  ]);
  const [first, second, traccar] = linesOf(output, 'source ');
  expect(traccar).toContain('3,600 rows of 3 vehicles');
  expect(linesOf(output, 'target ')).toEqual(
    [first, second, traccar].map((line) => `${line?.replace('source', 'target')}  = equal`),
  );
  expect(linesOf(output, '$ fleetgraph ')).toEqual([
    expect.stringMatching(/servers inspect .* --apply$/),
    '$ fleetgraph sync --all',
  ]);
  expect(output.stdout).toMatch(/speedKmh +speed, unit knots\n[^]*Автобус 14 +tc_positions +1 *\n/);
  expect(linesOf(output, 'pipeline complete')).toHaveLength(2);
  expect(output.stdout).toMatch(/\ndone in [0-9.ms]+; nothing is left running\n$/);
  expectNothingLeft();
}, 240_000);

describe('ends with 1 and says so', () => {
  test('when source and target differ', async () => {
    const folder = join(baseDir, 'two-buses');
    const position = (bus: number, minute: number) =>
      `${bus},2015-03-07T12:${minute}:00-06:00,${minute}.5,801,14${bus},30.3${minute},-97.7${minute},SOUTH`;
    mkdirSync(folder, { recursive: true });
    const header = 'vehicle_id,timestamp,speed,route_id,trip_id,latitude,longitude,headsign';
    const lines = [header, ...[7, 8].flatMap((bus) => [10, 11, 12].map((minute) => position(bus, minute)))];
    writeFileSync(join(folder, '2015-03-07.csv.gz'), gzipSync(`${lines.join('\n')}\n`));
    const running = startDemo(...SMALL, '--fleet-only', '--data', folder);
    await changeOnce(
      SECOND_RUN_BEGAN,
      running,
      "DELETE FROM positions WHERE vehicle_id = 7 AND attributes ->> 'trip' = '147' AND latitude = 30.311",
    );
    const output = await running.ended;
    expect(output.status).toBe(1);
    expect(output.stdout).toContain('4 vehicles, 6 real positions');
    expect(linesOf(output, 'target ').map((line) => line.replace(/.*  /, ''))).toEqual(['= equal', 'DIFFERENT for 7']);
    expect(output.stdout).toMatch(/; nothing is left running, and something above went wrong\n$/);
    expectNothingLeft();
  }, 240_000);

  test('when a vehicle fails, although nothing of it is missing', async () => {
    const running = startDemo(...SMALL, '--fleet-only');
    // Of a bus that has nothing new.
    await changeOnce(
      FIRST_RUN_ENDED,
      running,
      "UPDATE vehicles SET legacy_table = 'gone' WHERE id = (SELECT min(id) FROM vehicles)",
    );
    const output = await running.ended;
    expect(output.status).toBe(1);
    expect(linesOf(output, 'target ').map((line) => line.replace(/.*  /, ''))).toEqual(['= equal', '= equal']);
    expect(output.stdout).toMatch(/ completed: 2 completed, 1 failed, 2 were up to date; /);
    expect(output.stdout).toMatch(/TableMissing: /);
    expectNothingLeft();
  }, 240_000);

  test.each([
    { args: ['--data', '/nowhere'], says: /^error: .*--data.*ENOENT/ },
    { args: ['--data', checkoutDir()], says: /^error: .*--data.*\.csv\.gz/ },
    { args: ['--rows', 'many'], says: /^error: .*--rows.*whole number/ },
  ])('when $args make no sense, before it starts anything', async ({ args, says }) => {
    const output = await startDemo(...args).ended;
    expect(output).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(says) });
    expectNothingLeft();
  });
});

describe('Ctrl-C', () => {
  test('while the servers are started ends them', async () => {
    const running = startDemo(...SMALL);
    await until('the demo has its folder', () => existsSync(join(stateDir, 'holder')));
    process.kill(-running.process.pid!, 'SIGINT');
    const output = await running.ended;
    expect(output).toMatchObject({ status: 130, stderr: '' });
    expect(output.stdout).toMatch(/interrupted in [0-9.ms]+; nothing is left running\n$/);
    expectNothingLeft();
  }, 60_000);

  test('in the middle of a run, even if only the demo itself hears it, ends everything', async () => {
    const running = startDemo('--vehicles', '20', '--rows', '20000', '--real-vehicles', '3');
    await untilSaid(running, 'worker  1');
    running.process.kill('SIGINT');
    const output = await running.ended;
    expect(output).toMatchObject({ status: 130, stderr: '' });
    expect(output.stdout).not.toContain('= equal');
    expectNothingLeft();
  }, 60_000);
});

describe('--keep', () => {
  const shell = (line: string, env: Record<string, string> = environment): Promise<CommandOutput> =>
    startProgram('sh', ['-c', line], env, { cwd: checkoutDir() }).ended;

  test('kill -9 leaves no server, and addresses that nobody is led by', async () => {
    const running = startDemo(...SMALL, '--keep');
    await untilSaid(running, 'legacy database filled');
    const envFile = stackEnvFile(stateDir);
    const before = readFileSync(envFile);
    running.process.kill('SIGKILL');
    await running.ended;
    await until('nothing of it runs', () => ourProcesses().length === 0);
    expect((await shell(`. ${envFile}`)).stderr).toContain(`servers of process ${running.process.pid} run no more`);
    const command = await shell('node dist/cli/main.js runs');
    expect(command).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/were killed: their addresses are removed/),
    });
    expect(command.stderr).not.toMatch(/using the private/);
    expect(existsSync(envFile)).toBe(false);
    writeFileSync(envFile, before);
  }, 240_000);

  test('stays up over what a killed one left, for the commands it prints, until Ctrl-C', async () => {
    const left = readFileSync(stackEnvFile(stateDir));
    const running = startDemo(...SMALL, '--keep');
    await untilSaid(running, 'Other programs read');
    expect(readFileSync(stackEnvFile(stateDir))).not.toEqual(left);
    const invitation = running.said.stdout.slice(running.said.stdout.indexOf('All of it stays up'));
    const commands = [...invitation.matchAll(/^ {2}(npm run .*)$/gm)].map(([, line]) => line!);
    expect(commands).toHaveLength(3);
    const outputs = await Promise.all(commands.map((line) => shell(line)));
    expect(outputs.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(outputs.map(({ stdout }) => stdout)).toEqual([
      expect.stringMatching(/ completed: 0 completed, 0 failed, 8 were up to date; /),
      expect.stringContaining('Usage: fleetgraph'),
      expect.stringContaining('fleet-sync/all'),
    ]);
    const sourced = await shell(`${/set -a; .*$/m.exec(invitation)![0]}; echo $TEMPORAL_ADDRESS`);
    expect(sourced).toMatchObject({ stderr: '', stdout: expect.stringMatching(/^127\.0\.0\.1:\d+\n$/) });
    process.kill(-running.process.pid!, 'SIGINT');
    expect(await running.ended).toMatchObject({ status: 0 });
    expectNothingLeft();
  }, 240_000);
});
