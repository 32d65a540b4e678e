import { Inject, Injectable } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { closeCircuit } from '../../pool/circuit-store.ts';
import {
  type LegacyServerInput,
  insertLegacyServer,
  isLegacyServer,
  parseLegacyServer,
  readLegacyServer,
  updateLegacyServer,
} from '../../records/legacy-servers.ts';
import { readLimitChanges } from '../../records/limit-changes.ts';
import { readLineSpeeds } from '../../records/line-speeds.ts';
import { type ServerCheck, readLastChecks, readServerChecks } from '../../records/server-checks.ts';
import { readServerPlaces } from '../../records/server-places.ts';
import { readSettings } from '../../records/settings.ts';
import { readServerOverviews } from '../../records/server-overview.ts';
import { legacyServerSchema } from '../../settings/legacy-server.ts';
import { LEGACY_SYNC_TASK_QUEUE, type ServerTest, serverTestWorkflowId } from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../core/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { Problem, notFound } from '../core/problem.ts';
import { refusingDuplicates } from '../core/refusing-duplicates.ts';

const LIST = '/api/v1/legacy-sync/servers';
const LIMIT_CHANGES = 100;
const CHECKS = 300;

/** Manages the legacy servers. Their configuration holds references to secrets, never a secret. */
@Injectable()
export class ServersService {
  readonly #database: Database;
  readonly #tasks: OperatorTasks;
  readonly #audit: Audit;

  constructor(
    @Inject(Database) database: Database,
    @Inject(OperatorTasks) tasks: OperatorTasks,
    @Inject(Audit) audit: Audit,
  ) {
    this.#database = database;
    this.#tasks = tasks;
    this.#audit = audit;
  }

  async list(): Promise<object> {
    const servers = await this.#overviews();
    return { success: true, servers, count: servers.length };
  }

  async read(id: string): Promise<object> {
    await this.#known(id);
    return { success: true, server: await readLegacyServer(this.#database.reader, id) };
  }

  async limit(id: string): Promise<object> {
    await this.#known(id);
    const reader = this.#database.reader;
    const [places, rows] = await Promise.all([
      readServerPlaces(reader, await readSettings(reader), id),
      readLimitChanges(reader, { serverId: id, limit: LIMIT_CHANGES }),
    ]);
    const { inFlight, limit, fixedLimit, adaptive } = places[0]!;
    const changes = rows.map(({ from, to, reason, runId, changedAt }) => ({
      from,
      to,
      reason,
      runId,
      changedAt: changedAt.toISOString(),
    }));
    const why = adaptive && { ...adaptive, changedAt: adaptive.changedAt?.toISOString() ?? null };
    return { success: true, inFlight, limit, fixedLimit, adaptive: why, changes };
  }

  async checks(id: string): Promise<object> {
    await this.#known(id);
    const checks = await readServerChecks(this.#database.reader, { serverId: id, limit: CHECKS });
    return { success: true, checks: checks.map(checkAnswer), count: checks.length };
  }

  async create(input: object, actor: Actor, reason?: string): Promise<object> {
    const server = parse(input);
    await this.#audit.record({
      actor,
      action: 'server.created',
      subject: `server ${server.id}`,
      reason,
      details: { input },
    });
    await refusingDuplicates(`Legacy server ${server.id}`, () => insertLegacyServer(this.#database.reader, server));
    return { success: true, server };
  }

  async change(input: { id: string }, actor: Actor, reason?: string): Promise<object> {
    await this.#known(input.id);
    const server = parse(input);
    await this.#audit.record({
      actor,
      action: 'server.changed',
      subject: `server ${server.id}`,
      reason,
      details: { input },
    });
    await updateLegacyServer(this.#database.reader, server);
    return { success: true, server };
  }

  /** A worker does this, because it has the keys and the way to the host. */
  async test(id: string, actor: Actor, reason?: string): Promise<object> {
    await this.#known(id);
    await this.#audit.record({ actor, action: 'server.tested', subject: `server ${id}`, reason });
    const check = await this.#tasks.run<ServerTest>({
      workflowType: 'testServer',
      workflowId: serverTestWorkflowId(id),
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      input: id,
      summary: `Testing legacy server ${id}`,
    });
    return { success: true, check };
  }

  /** Closes a circuit and writes its row of the audit log in the same transaction. Errors: WrongState. */
  async closeCircuit(id: string, actor: Actor, reason: string): Promise<object> {
    const [before] = await readServerOverviews(this.#database.reader, id);
    if (before === undefined) throw notFound(`legacy server ${id}`, LIST);
    if (before.circuit.state === 'closed') {
      const link = `${LIST}/${id}`;
      throw new Problem('WrongState', `Closing the circuit of legacy server ${id}: it is closed.`, { link });
    }
    await this.#database.write((pool) => closeCircuit(pool, id, { actor: actor.name, reason }));
    const [server] = await this.#overviews(id);
    return { success: true, server };
  }

  async #overviews(id: string | null = null): Promise<object[]> {
    const reader = this.#database.reader;
    const settings = await readSettings(reader);
    const [servers, places, checks, lines] = await Promise.all([
      readServerOverviews(reader, id),
      readServerPlaces(reader, settings, id),
      readLastChecks(reader, settings, id),
      readLineSpeeds(reader, id),
    ]);
    const placesOf = new Map(
      places.map(({ serverId, adaptive, ...numbers }) => [serverId, { ...numbers, reason: adaptive?.reason ?? null }]),
    );
    return servers.flatMap((server) => {
      const found = placesOf.get(server.id);
      const last = checks.get(server.id);
      const lastCheck = last ? { ...checkAnswer(last), failingSince: last.failingSince?.toISOString() ?? null } : null;
      return found ? [{ ...server, places: found, lastCheck, line: lines.get(server.id) ?? null }] : [];
    });
  }

  async #known(id: string): Promise<void> {
    if (!(await isLegacyServer(this.#database.reader, id))) throw notFound(`legacy server ${id}`, LIST);
  }
}

const checkAnswer = ({ checkedAt, durationMs, failure }: ServerCheck) => ({
  checkedAt: checkedAt.toISOString(),
  durationMs,
  failure,
});

/** Names each field that is wrong. A problem of several fields gets one message. */
function parse(input: object): LegacyServerInput & { id: string } {
  const fields = legacyServerSchema.safeParse(input);
  if (!fields.success) {
    const errors = fields.error.issues.map(({ path, code, message }) => ({
      field: ['body', ...path.map(String)].join('.'),
      rule: code,
      message,
    }));
    const named = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
    throw new Problem('InvalidRequest', `The legacy server is refused: ${named}.`, { errors });
  }
  try {
    return parseLegacyServer(input);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Problem('InvalidRequest', error.message, {
      errors: [
        { field: 'body.timeZone', rule: 'time_zone', message: 'is no IANA time zone name, such as Asia/Yakutsk' },
      ],
    });
  }
}
