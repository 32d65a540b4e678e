import { endOfRollout } from '../../client/rollouts.ts';
import {
  type Rollout,
  type RolloutStepRow,
  type StepChange,
  currentRun,
  latestRollouts,
  stepsInForce,
  waitsForNews,
} from '../../records/rollouts.ts';
import type { Session } from '../session.ts';
import { nameOfStep } from '../show-rollout.ts';
import type { Finding } from './finding.ts';

type Parts = Pick<Session, 'postgres' | 'temporal'>;

/** Finds rollouts that nobody works on any more although their changes are still in force, and rollouts that a step has stopped because it was not good. */
export async function rolloutFindings(session: Parts): Promise<Finding[]> {
  const running = (await latestRollouts(session.postgres)).filter(({ state }) => state === 'running');
  return (await Promise.all(running.map((rollout) => findingsOf(session, rollout)))).flat();
}

async function findingsOf({ postgres, temporal }: Parts, rollout: Rollout): Promise<Finding[]> {
  const end = await endOfRollout((await temporal()).client, rollout);
  if (end === null) return stoppedFindings(rollout);
  // A rollout that was just ending when it was read has written its row by now.
  const [now] = await latestRollouts(postgres, rollout.serverId);
  if (now?.rolloutId !== rollout.rolloutId || now.state !== 'running') return [];
  const { serverId, rolloutId } = rollout;
  const changes = (await stepsInForce(postgres, rolloutId, 0)).flatMap((step) => step.changes);
  return [
    {
      severity: 'problem',
      subject: `rollout of ${serverId}`,
      found: `its row says that it is running, and its workflow is ${end}: ${describeChanges(serverId, changes)}`,
      remedy:
        'a running worker puts that back within a minute, but for what somebody has changed since: if none runs, start one: npm run fleetgraph -- worker; ' +
        `if one runs, its log says what keeps it; a new one puts it back, too: npm run fleetgraph -- rollout start ${serverId}`,
    },
  ];
}

/** What the last one has set, with what was there before the first one. */
function describeChanges(serverId: string, lastFirst: readonly StepChange[]): string {
  const told = new Map<StepChange['what'], string>();
  for (const { what, to } of lastFirst) {
    if (told.has(what)) continue;
    const first = lastFirst.findLast((change) => change.what === what)!;
    told.set(what, `it has set ${nameOf(serverId, what)} to ${valueOf(to)}, which was ${valueOf(first.from)}`);
  }
  return told.size === 0 ? 'it has changed nothing that would have to be put back' : [...told.values()].join('; ');
}

function nameOf(serverId: string, what: StepChange['what']): string {
  if (what === 'limit') return `limits.maxConcurrentVehicles of ${serverId}`;
  return what === 'adaptive' ? 'legacy_sync.adaptive.enabled' : 'legacy_sync.worker_pool.max_workers';
}

const valueOf = (value: number | boolean | null): string => (value === null ? 'that of the setting' : String(value));

function stoppedFindings(rollout: Rollout): Finding[] {
  const current = currentRun(rollout);
  if (current?.state !== 'not-good' || waitsForNews(rollout)) return [];
  const { serverId, steps } = rollout;
  const order = (line: string): string => `npm run fleetgraph -- rollout ${line}`;
  return [
    {
      severity: 'problem',
      subject: `rollout of ${serverId}`,
      found: `stopped since ${current.finishedAt?.toISOString()}, because step ${nameOfStep(steps[current.position]!)} was not good: ${shortly(current)}`,
      remedy: `see it: ${order(`status ${serverId}`)}; when that is mended: ${order(`advance ${serverId} --again`)}; else: ${order(`back ${serverId} --reason "…"`)}`,
    },
  ];
}

/** Of each reason what was measured; `rollout status` has what to do about it. */
const shortly = ({ reasons }: RolloutStepRow): string => reasons.map((reason) => reason.split(/(?<=\.) /)[0]).join(' ');
