import { Inject, Injectable } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { closeBreaker } from '../../pool/breaker-store.ts';
import {
  type LegacyServerInput,
  insertLegacyServer,
  parseLegacyServer,
  readLegacyServer,
  updateLegacyServer,
} from '../../settings/legacy-servers.ts';
import { legacyServerSchema } from '../../settings/legacy-server.ts';
import {
  LEGACY_SYNC_TASK_QUEUE,
  type ServerCheck,
  serverCheckWorkflowId,
} from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../auth/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { Problem, notFound } from '../core/problem.ts';
import { refusingDuplicates } from './refusing-duplicates.ts';

const LIST = '/api/v1/legacy-sync/servers';

/** Where vehicles are read from. What is configured holds references to secrets, never a secret. */
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
    const servers = await this.#summaries();
    return { success: true, servers, count: servers.length };
  }

  async read(id: string): Promise<object> {
    await this.#known(id);
    return { success: true, server: await readLegacyServer(this.#database.reader, id) };
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

  /** Done by a worker, which has the keys and the way to the host. */
  async test(id: string, actor: Actor, reason?: string): Promise<object> {
    await this.#known(id);
    await this.#audit.record({ actor, action: 'server.tested', subject: `server ${id}`, reason });
    const check = await this.#tasks.run<ServerCheck>({
      workflowType: 'checkServer',
      workflowId: serverCheckWorkflowId(id),
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      input: id,
      summary: `Testing legacy server ${id}`,
    });
    return { success: true, check };
  }

  /** Errors: WrongState. The circuit's own row of the audit log is written in the same transaction. */
  async closeCircuit(id: string, actor: Actor, reason: string): Promise<object> {
    const [before] = await this.#summaries(id);
    if (before === undefined) throw notFound(`legacy server ${id}`, LIST);
    if (before.circuit.state === 'closed') {
      const link = `${LIST}/${id}`;
      throw new Problem('WrongState', `Closing the circuit of legacy server ${id}: it is closed.`, { link });
    }
    await this.#database.write((pool) => closeBreaker(pool, id, { actor: actor.name, reason }));
    const [server] = await this.#summaries(id);
    return { success: true, server };
  }

  #summaries(id: string | null = null): Promise<{ circuit: { state: string } }[]> {
    return this.#database.rows(
      `SELECT s.id, s.host, s.port, s."user", s.database, s.time_zone AS "timeZone",
              (SELECT count(*)::int FROM vehicles v WHERE v.server_id = s.id) AS vehicles,
              jsonb_build_object('state', b.breaker ->> 'state', 'failures', coalesce(b.breaker -> 'failures', '0'),
                                 'openings', coalesce(b.breaker -> 'openings', '0'),
                                 'code', coalesce(b.breaker ->> 'code', b.breaker ->> 'lastCode')) AS circuit
         FROM legacy_servers s JOIN legacy_server_state b ON b.server_id = s.id WHERE $1::text IS NULL OR s.id = $1 ORDER BY s.id`,
      [id],
    );
  }

  async #known(id: string): Promise<void> {
    const found = await this.#database.rows('SELECT 1 FROM legacy_servers WHERE id = $1', [id]);
    if (found.length === 0) throw notFound(`legacy server ${id}`, LIST);
  }
}

/** Names each field that is wrong; what more than one field is about comes as one message. */
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
