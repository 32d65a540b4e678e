import { Inject, Injectable } from '@nestjs/common';
import { startRollout, steerRollout } from '../../client/rollouts.ts';
import { Failure } from '../../errors.ts';
import { NOBODY } from '../../orchestrator/or-nobody.ts';
import { isLegacyServer } from '../../records/legacy-servers.ts';
import { type Rollout, latestRollouts } from '../../records/rollouts.ts';
import { LEGACY_SYNC_TASK_QUEUE } from '../../workflows/legacy-sync/messages.ts';
import type { RolloutOrder } from '../../workflows/legacy-sync/rollout-contract.ts';
import type { Actor } from '../core/actor.ts';
import { Attendance, noWorker } from '../core/attendance.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { orLate } from '../core/or-late.ts';
import { Problem, notFound } from '../core/problem.ts';
import type { InputOf } from '../core/route.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import type { ADVANCE_ROLLOUT, START_ROLLOUT } from './rollouts.routes.ts';

const LIST = '/api/v1/legacy-sync/rollouts';
/** A worker hears an order, which takes longer than Temporal itself may. */
const HEARD_MS = 10_000;
const REFUSED_WITHIN_MS = 2_000;

/** Starts and steers rollouts through Temporal, and reads them from PostgreSQL. A worker changes the settings. */
@Injectable()
export class RolloutsService {
  readonly #database: Database;
  readonly #temporal: TemporalGateway;
  readonly #attendance: Attendance;
  readonly #audit: Audit;

  constructor(
    @Inject(Database) database: Database,
    @Inject(TemporalGateway) temporal: TemporalGateway,
    @Inject(Attendance) attendance: Attendance,
    @Inject(Audit) audit: Audit,
  ) {
    this.#database = database;
    this.#temporal = temporal;
    this.#attendance = attendance;
    this.#audit = audit;
  }

  async list(): Promise<object> {
    const rollouts = await latestRollouts(this.#database.reader);
    return { success: true, rollouts, count: rollouts.length };
  }

  async read(serverId: string): Promise<object> {
    return { success: true, rollout: await this.#known(serverId) };
  }

  async start(
    serverId: string,
    { reason, maxWorkers, unattended }: InputOf<typeof START_ROLLOUT>['body'],
    actor: Actor,
  ): Promise<object> {
    if (!(await isLegacyServer(this.#database.reader, serverId))) throw notFound(`legacy server ${serverId}`);
    const asked = { serverId, unattended, ...(maxWorkers === undefined ? {} : { maxWorkers }) };
    const input = { ...asked, requestedBy: actor.name };
    const subject = `server ${serverId}`;
    await this.#audit.record({ actor, action: 'rollout.start', subject, reason, details: { input } });
    try {
      const { rolloutId } = await this.#temporal.call((client) => startRollout(client, input));
      return {
        success: true,
        message: `The rollout of ${serverId} has begun.`,
        rolloutId,
        link: `${LIST}/${serverId}`,
      };
    } catch (error) {
      throw linked(error, serverId);
    }
  }

  advance(serverId: string, { again, reason }: InputOf<typeof ADVANCE_ROLLOUT>['body'], actor: Actor): Promise<object> {
    const message = again ? 'The step is run again.' : 'The next step opens.';
    return this.#steer({ serverId, kind: 'advance', message }, { actor: actor.name, reason, again }, actor);
  }

  back(serverId: string, actor: Actor, reason: string): Promise<object> {
    const message = 'The step is taken back; vehicles in flight clean up first.';
    return this.#steer({ serverId, kind: 'back', message }, { actor: actor.name, reason }, actor);
  }

  async #steer(
    { serverId, kind, message }: { serverId: string; kind: 'advance' | 'back'; message: string },
    order: RolloutOrder,
    actor: Actor,
  ): Promise<object> {
    const { rolloutId, workflowId, state } = await this.#known(serverId);
    const what = `Steering the rollout of ${serverId}`;
    const link = `${LIST}/${serverId}`;
    if (state !== 'running') throw new Problem('WrongState', `${what}: it is ${state}.`, { link });
    await this.#attendance.expectWorker(LEGACY_SYNC_TASK_QUEUE, what);
    const { reason, again = false } = order;
    const details = { rolloutId, ...(kind === 'advance' ? { again } : {}) };
    await this.#audit.record({ actor, action: `rollout.${kind}`, subject: `server ${serverId}`, reason, details });
    // A refusal comes at once. What takes longer is being done.
    const given = this.#temporal
      .call((client) => steerRollout(client, { serverId, kind }, order), HEARD_MS)
      .then((heard) => orLate(heard.done(), REFUSED_WITHIN_MS));
    const errand = { workflowId, taskQueue: LEGACY_SYNC_TASK_QUEUE };
    const result = await this.#attendance.orNobody(given, errand).catch((error: unknown) => {
      throw linked(error, serverId);
    });
    if (result === NOBODY) throw noWorker(LEGACY_SYNC_TASK_QUEUE, what, 'It may be done when one is there.');
    return { success: true, message, link };
  }

  async #known(serverId: string): Promise<Rollout> {
    const [rollout] = await latestRollouts(this.#database.reader, serverId);
    if (rollout === undefined) throw notFound(`rollout of ${serverId}`, LIST);
    return rollout;
  }
}

/** A refusal with the address that shows the rollout. */
const linked = (error: unknown, serverId: string): unknown =>
  error instanceof Failure && (error.code === 'WrongState' || error.code === 'AlreadyRunning')
    ? new Problem(error.code, error.message, { link: `${LIST}/${serverId}` })
    : error;
