import { ApplicationFailure, condition, setHandler } from '@temporalio/workflow';
import { type Rule, flag, object, optional, optionalText, text } from '../check-input.ts';
import { advanceUpdate, backUpdate } from './messages.ts';
import type { RolloutCourse, RolloutOrder, RolloutStanding } from './rollout-contract.ts';

export interface GivenOrder extends RolloutOrder {
  kind: 'advance' | 'back';
}

interface Pending {
  order: GivenOrder;
  standing: RolloutStanding | null;
}

const ORDER: Record<string, Rule> = { actor: text(), reason: optionalText(), again: optional(flag) };

/** Takes an operator's orders, one at a time. Each is answered when it was done, not when it was heard. */
export class RolloutOrders {
  /** null: the rollout is still being planned. */
  #course: RolloutCourse | null = null;
  #pending: Pending | null = null;
  #interrupt: () => void = () => {};
  #closed = false;
  readonly #serverId: string;

  constructor(serverId: string) {
    this.#serverId = serverId;
    setHandler(advanceUpdate, (order) => this.#take({ ...order, kind: 'advance' }), {
      validator: (order) => this.#refuse(order, (course) => againstAdvance(serverId, course, order)),
      description: 'Opens the next step, or, with `again`, runs the current one again.',
    });
    setHandler(backUpdate, (order) => this.#take({ ...order, kind: 'back' }), {
      validator: (order) => this.#refuse(order, () => null),
      description: 'Takes the current step back: settings and limits are again what they were before it.',
    });
  }

  follow(course: RolloutCourse): void {
    this.#course = course;
  }

  /** Nothing more is taken. */
  close(): void {
    this.#closed = true;
  }

  given(): GivenOrder | null {
    return this.#pending?.order ?? null;
  }

  /** Calls `interrupt` when the running step is taken back. */
  onInterrupt(interrupt: () => void): void {
    this.#interrupt = interrupt;
    if (this.#pending?.order.kind === 'back') interrupt();
  }

  done(standing: RolloutStanding): void {
    if (this.#pending !== null) this.#pending.standing = standing;
    this.#pending = null;
  }

  async #take(order: GivenOrder): Promise<RolloutStanding> {
    const pending: Pending = { order, standing: null };
    this.#pending = pending;
    if (order.kind === 'back') this.#interrupt();
    await condition(() => pending.standing !== null);
    return pending.standing!;
  }

  #refuse(order: RolloutOrder, against: (course: RolloutCourse) => string | null): void {
    const what = `Steering the rollout of ${this.#serverId}`;
    const refused = (why: string) => ApplicationFailure.nonRetryable(`${what}: ${why}`, 'WrongState');
    if (object(order) !== null) throw refused('its input must be an object with actor, reason, again.');
    for (const [name, rule] of Object.entries(ORDER)) {
      const wanted = rule(order[name as keyof RolloutOrder]);
      if (wanted !== null) throw refused(`${name} ${wanted}.`);
    }
    if (this.#closed) throw refused('it is ending.');
    if (this.#course === null) throw refused('it is still being planned. Ask again in a moment.');
    if (this.#pending !== null) throw refused('another order is being done. Ask again in a moment.');
    const why = against(this.#course);
    if (why !== null) throw refused(why);
  }
}

/** Why the next step does not open now; null: it may. */
function againstAdvance(serverId: string, { verdict, steps, position }: RolloutCourse, order: RolloutOrder) {
  const { name } = steps[position]!;
  if (verdict === null)
    return `step ${name} is running. Wait for its end: \`fleetgraph rollout status ${serverId}\` shows it.`;
  if (verdict.good || order.again === true) return null;
  const next = verdict.idle ? 'Or' : `Then run it again: \`fleetgraph rollout advance ${serverId} --again\`, or`;
  return `step ${name} was not good. ${verdict.reasons.join(' ')} ${next} go back: \`fleetgraph rollout back ${serverId}\`.`;
}
