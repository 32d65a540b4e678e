import type pg from 'pg';
import { unlessElsewhere } from '../../connections/advisory-lock.ts';
import { inTransaction } from '../../connections/postgres.ts';
import { noteAlert, untoldIncidentAlerts } from '../../records/alerts.ts';
import { type Incident, beginIncident, endIncident, openIncidents } from '../../records/incidents.ts';
import type { AlertInput } from '../../workflows/alert-contract.ts';
import { type TellDependencies, createDeliverNotedAlerts } from './deliver-noted-alerts.ts';

/** Something that is wrong now. */
export interface Finding {
  /** What it is about: a legacy server's id, a fleet sync's workflow id. */
  about: string;
  /** An incident that grows critical is told again. */
  level: Incident['level'];
  subject: string;
  /** What was found, and what to do. */
  message: string;
}

/** One kind of incident. It begins when `find` finds it, and is over when `find` does so no more. */
export interface AlertRule<Settings> {
  kind: string;
  find(database: pg.Pool, settings: Settings): Promise<Finding[]>;
  /** What the admin is told when it is over. */
  over(about: string): string;
}

export interface WatchDependencies<Settings> extends TellDependencies, Pick<AlertInput, 'workerId'> {
  rules: readonly AlertRule<Settings>[];
  /** Bounds of the rules. */
  bounds: () => Settings;
}

/**
 * One look at all rules: begins and ends incidents, and tells the admin. What is to be told is a row before it is told, in the transaction
 * that begins or ends the incident, so that a worker that is killed between the two leaves it to the next look. One process looks at a time.
 */
export function createIncidentWatch<Settings>(deps: WatchDependencies<Settings>): () => Promise<void> {
  const { pool, rules, workerId } = deps;
  const tell = createDeliverNotedAlerts(deps);
  return async () => {
    await unlessElsewhere(pool, { name: 'fleetgraph incidents', key: workerId }, async () => {
      const open = await openIncidents(pool);
      for (const rule of rules) await judge(deps, rule, open);
      await tell(await untoldIncidentAlerts(pool, workerId));
    });
  };
}

async function judge<Settings>(
  { pool, bounds, workerId }: WatchDependencies<Settings>,
  rule: AlertRule<Settings>,
  open: readonly Incident[],
): Promise<void> {
  const findings = await rule.find(pool, bounds());
  const mine = new Map(open.filter(({ kind }) => kind === rule.kind).map((incident) => [incident.about, incident]));
  for (const finding of findings) {
    const begun = mine.get(finding.about);
    mine.delete(finding.about);
    if (begun === undefined || (begun.level === 'warning' && finding.level === 'critical')) {
      await begin(pool, { ...finding, kind: rule.kind, workerId });
    }
  }
  const ended = mine.values();
  for (const incident of ended) await end(pool, incident, { workerId, message: rule.over(incident.about) });
}

async function begin(
  pool: pg.Pool,
  found: Finding & Pick<Incident, 'kind'> & Pick<AlertInput, 'workerId'>,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { id, level } = await beginIncident(client, found);
    const { workerId, message, subject } = found;
    await noteAlert(client, { workerId, message, subject, dedupeKey: `incident/${id}/${level}` });
  });
}

async function end(
  pool: pg.Pool,
  { id, kind, about, beganAt }: Incident,
  { workerId, message }: Pick<AlertInput, 'workerId' | 'message'>,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    await endIncident(client, id);
    await noteAlert(client, {
      workerId,
      subject: `over: ${kind} of ${about}`,
      message: `${message} It began at ${beganAt.toISOString()}.`,
      dedupeKey: `incident/${id}/over`,
    });
  });
}
