import { setTimeout as sleep } from 'node:timers/promises';
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { isUnderWay, startRollout, steerRollout } from '../../client/rollouts.ts';
import { Failure } from '../../errors.ts';
import { recordAct } from '../../records/audit-log.ts';
import { readLegacyServer } from '../../records/legacy-servers.ts';
import { type Rollout, currentRun, latestRollouts, waitsForNews } from '../../records/rollouts.ts';
import { parseCount } from '../parse-number.ts';
import { plainTable } from '../run-table.ts';
import { type Session, withSession } from '../session.ts';
import { nameOfStep, showRollout } from '../show-rollout.ts';

const LOOK_MS = 500;
const WAIT = ['--wait', 'until the step was judged; fails when it was not good'] as const;

export const rolloutCommand = (): Command => {
  const command = new Command('rollout').description(
    'bring the sync of a legacy server into operation step by step, each judged before the next',
  );
  command
    .command('start')
    .description('begin with two vehicles, one at a time')
    .argument('<server>', 'id of the legacy server')
    .option('--max-workers <n>', 'vehicles in flight there at the end, instead of the server’s limit', parseCount)
    .option('--unattended', 'each next step opens by itself while steps are good', false)
    .option('--reason <text>', 'why, for the audit log')
    .option(...WAIT)
    .action(start);
  command
    .command('status')
    .description('the steps, what was measured, and what may be done')
    .argument('[server]', 'id of the legacy server; without it every rollout')
    .action(status);
  command
    .command('advance')
    .description('open the next step, after the one before was good')
    .argument('<server>')
    .option('--again', 'run the current step again instead, after what was wrong is mended', false)
    .option('--reason <text>', 'why, for the audit log')
    .option(...WAIT)
    .action(advance);
  command
    .command('back')
    .description('take the current step back: limits and settings as before it; what arrived stays')
    .argument('<server>')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action(back);
  return command;
};

interface StartOptions {
  maxWorkers?: number;
  unattended: boolean;
  reason?: string;
  wait?: true;
}

async function start(serverId: string, { maxWorkers, unattended, reason, wait }: StartOptions): Promise<void> {
  await withSession(async (session) => {
    await readLegacyServer(session.postgres, serverId);
    const requestedBy = userInfo().username;
    const input = { serverId, unattended, requestedBy, ...(maxWorkers === undefined ? {} : { maxWorkers }) };
    await audit(session, 'rollout.start', serverId, { reason, details: { input } });
    const { client } = await session.temporal();
    const { rolloutId } = await startRollout(client, input);
    console.log(`rollout ${rolloutId} of ${serverId} has begun; \`fleetgraph rollout status ${serverId}\` shows it.`);
    if (wait) await showJudged(session, serverId, ({ rolloutId: id }) => id === rolloutId);
  });
}

async function status(serverId?: string): Promise<void> {
  await withSession(async ({ postgres }) => {
    if (serverId !== undefined) {
      if (!showRollout(await known(postgres, serverId))) process.exitCode = 1;
      return;
    }
    const rollouts = await latestRollouts(postgres);
    if (rollouts.length === 0) return console.log('There was no rollout yet: `fleetgraph rollout start <server>`.');
    const cells = rollouts.map((rollout) => {
      const current = currentRun(rollout);
      const step = current === null ? '–' : nameOfStep(rollout.steps[current.position]!);
      const word = waitsForNews(rollout) ? 'waiting for news' : (current?.state.replace('-', ' ') ?? '–');
      return [rollout.serverId, rollout.state, step, word, rollout.startedAt.toISOString()];
    });
    console.log(plainTable(['server', 'rollout', 'step', 'which is', 'begun'], cells, 5));
  });
}

async function advance(
  serverId: string,
  { again, reason, wait }: { again: boolean; reason?: string; wait?: true },
): Promise<void> {
  await withSession(async (session) => {
    const before = currentRun(await known(session.postgres, serverId));
    await audit(session, 'rollout.advance', serverId, { reason, details: { again } });
    const { client } = await session.temporal();
    const order = { actor: userInfo().username, reason, again };
    const { step } = await (await steerRollout(client, { serverId, kind: 'advance' }, order)).done();
    console.log(`step ${step} has begun`);
    if (wait)
      await showJudged(session, serverId, (rollout) => (currentRun(rollout)?.number ?? 0) > (before?.number ?? 0));
  });
}

async function back(serverId: string, { reason }: { reason: string }): Promise<void> {
  await withSession(async (session) => {
    await known(session.postgres, serverId);
    await audit(session, 'rollout.back', serverId, { reason });
    const { client } = await session.temporal();
    const taken = await steerRollout(client, { serverId, kind: 'back' }, { actor: userInfo().username, reason });
    const { step } = await taken.done();
    console.log(step === null ? `the rollout of ${serverId} is withdrawn` : `${serverId} is at step ${step} again`);
    for (const kept of (await known(session.postgres, serverId)).runs.flatMap((run) => run.kept))
      console.log(`note: ${kept}.`);
  });
}

async function known(postgres: Session['postgres'], serverId: string): Promise<Rollout> {
  const [rollout] = await latestRollouts(postgres, serverId);
  if (rollout !== undefined) return rollout;
  throw new Failure(
    'InvalidSelection',
    `There was no rollout of ${serverId}, or no worker has planned it yet. \`fleetgraph rollout start ${serverId}\` starts one.`,
  );
}

/** An act that cannot be recorded does not happen. */
const audit = (
  { postgres }: Session,
  action: 'rollout.start' | 'rollout.advance' | 'rollout.back',
  serverId: string,
  { reason, details = {} }: { reason: string | undefined; details?: Record<string, unknown> },
): Promise<void> =>
  recordAct(postgres, { actor: userInfo().username, action, subject: `server ${serverId}`, reason, details });

/** Waits until the step that was just opened is judged, or the rollout has ended, and shows it. */
async function showJudged(
  { postgres, temporal }: Session,
  serverId: string,
  isIt: (rollout: Rollout) => boolean,
): Promise<void> {
  const { client } = await temporal();
  for (;;) {
    // The workflow is asked before the rows are read: if it has ended by then, its rows are written.
    const goesOn = await isUnderWay(client, serverId);
    const [rollout] = await latestRollouts(postgres, serverId);
    if (!goesOn || (rollout !== undefined && isIt(rollout) && isJudged(rollout))) break;
    await sleep(LOOK_MS);
  }
  if (!showRollout(await known(postgres, serverId))) process.exitCode = 1;
}

/** A rollout goes on by itself after its last good step; an unattended one also after any other, and after one that had too little to do. */
const isJudged = (rollout: Rollout): boolean => {
  const run = currentRun(rollout);
  if (run?.state === 'not-good') return !waitsForNews(rollout);
  return run?.state === 'good' && !rollout.unattended && run.position < rollout.steps.length - 1;
};
