import { Inject, Injectable } from '@nestjs/common';
import { type FleetScheduleState, FleetSchedules } from '../../client/fleet-schedules.ts';
import type { AuditAction } from '../../records/audit-log.ts';
import type { Actor } from '../core/actor.ts';
import { Audit } from '../core/audit.ts';
import { notFound } from '../core/problem.ts';
import type { InputOf } from '../core/route.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import type { PUT_SCHEDULE } from './schedules.routes.ts';

/** Schedules of fleet syncs and reconciliations, which Temporal holds. */
@Injectable()
export class SchedulesService {
  readonly #temporal: TemporalGateway;
  readonly #audit: Audit;
  readonly #schedules: FleetSchedules;

  constructor(@Inject(TemporalGateway) temporal: TemporalGateway, @Inject(Audit) audit: Audit) {
    this.#temporal = temporal;
    this.#audit = audit;
    this.#schedules = new FleetSchedules(temporal.client);
  }

  async list(): Promise<object> {
    const schedules = await this.#temporal.call(() => this.#schedules.list());
    return { success: true, schedules, count: schedules.length };
  }

  async read(name: string): Promise<object> {
    return { success: true, schedule: await this.#known(name) };
  }

  async put(
    name: string,
    { reason, selection, mode, maxWorkers, reconcile, ...times }: InputOf<typeof PUT_SCHEDULE>['body'],
    actor: Actor,
  ): Promise<object> {
    const sync = { selection, mode, ...(maxWorkers === undefined ? {} : { maxWorkers }) };
    const what =
      reconcile === undefined ? { sync, reconcile: null } : { sync: null, reconcile: { selection, ...reconcile } };
    const wanted = { name, ...times, ...what };
    await this.#audit.record({
      actor,
      action: 'schedule.changed',
      subject: name,
      reason,
      details: { schedule: wanted },
    });
    return { success: true, schedule: await this.#temporal.call(() => this.#schedules.put(wanted)) };
  }

  async pause(name: string, actor: Actor, reason: string): Promise<object> {
    return this.#steer('schedule.paused', name, actor, reason, (note) => this.#schedules.pause(name, note));
  }

  async resume(name: string, actor: Actor, reason: string): Promise<object> {
    return this.#steer('schedule.resumed', name, actor, reason, (note) => this.#schedules.resume(name, note));
  }

  async delete(name: string, actor: Actor, reason: string): Promise<object> {
    await this.#known(name);
    await this.#audit.record({ actor, action: 'schedule.deleted', subject: name, reason });
    await this.#temporal.call(() => this.#schedules.delete(name));
    return { success: true, name };
  }

  async #steer(
    action: AuditAction,
    name: string,
    actor: Actor,
    reason: string,
    act: (note: string) => Promise<void>,
  ): Promise<object> {
    await this.#known(name);
    await this.#audit.record({ actor, action, subject: name, reason });
    await this.#temporal.call(() => act(`${actor.name}: ${reason}`));
    return this.read(name);
  }

  async #known(name: string): Promise<FleetScheduleState> {
    const schedule = await this.#temporal.call(() => this.#schedules.find(name));
    if (schedule === null) throw notFound(`schedule ${name}`);
    return schedule;
  }
}
