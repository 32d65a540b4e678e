import {
  CancellationScope,
  ContinueAsNew,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import {
  anyText,
  checkInput,
  checkResult,
  flag,
  listOf,
  object,
  optional,
  optionalText,
  text,
  wholeNumber,
} from '../check-input.ts';
import { MAX_WORKERS } from './check-start.ts';
import { rolling } from './retry-profiles.ts';
import type {
  RolloutCourse,
  RolloutEnd,
  RolloutInput,
  RolloutOrder,
  RolloutStanding,
  StepVerdict,
} from './rollout-contract.ts';
import { type GivenOrder, RolloutOrders } from './rollout-orders.ts';
import { runStep } from './run-step.ts';

/** Each is some thirty events of a history that should stay below some thousand. */
const STEPS_PER_HISTORY = 50;
const NEWS_WAIT_MS = 600_000;

/**
 * Brings the sync of a legacy server into operation step by step: each step runs its fleet sync, is compared with the source and judged, and
 * the next one opens only when it was good: by an operator's order, or by itself where it was started unattended.
 */
export async function rollout(input: RolloutInput): Promise<RolloutStanding> {
  checkRollout(input);
  const orders = new RolloutOrders(input.serverId);
  try {
    const course = input.carried ?? (await begin(input));
    orders.follow(course);
    const state = await walk(input, course, orders);
    orders.close();
    await end(state, orders.given() ?? byItself(input));
    const standing = { state, step: state === 'withdrawn' ? null : nameOf(course) };
    orders.done(standing);
    await condition(allHandlersFinished);
    return standing;
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    const outcome = isCancellation(error) ? 'cancelled' : 'failed';
    await CancellationScope.nonCancellable(() => end(outcome, byItself(input)));
    throw error;
  }
}

/** Step after step, until the last one is good or the first one was taken back. */
async function walk(input: RolloutInput, course: RolloutCourse, orders: RolloutOrders): Promise<RolloutEnd> {
  const before = course.number + course.retries;
  for (;;) {
    course.verdict ??= await tryStep(input, course, orders);
    show(course);
    if (isThrough(course) && orders.given() === null) return 'completed';
    const order = await nextOrder(input, course, orders, () => isLong(input, course.number + course.retries - before));
    if (order === null) {
      await continueAsNew<typeof rollout>({ ...input, carried: course });
    } else if (order.kind === 'back') {
      await goBack(course, order);
      if (course.position < 0) return 'withdrawn';
    } else {
      await open(course, course.position + (order.again ? 0 : 1), order);
    }
    orders.done({ state: 'running', step: nameOf(course) });
  }
}

async function begin(input: RolloutInput): Promise<RolloutCourse> {
  const { serverId, maxWorkers = null, unattended = false } = input;
  const planned = await rolling.planRollout({
    rolloutId: rolloutId(),
    workflowId: workflowInfo().workflowId,
    serverId,
    maxWorkers,
    unattended,
    requestedBy: requestedBy(input),
  });
  const { steps } = checkResult('planRollout', planned, { steps: someSteps });
  const course: RolloutCourse = { steps, position: 0, number: 0, retries: 0, verdict: null, unattended };
  await open(course, 0, byItself(input));
  return course;
}

/** Continued as new or reset, it is the same rollout. */
const rolloutId = (): string => workflowInfo().firstExecutionRunId;
const requestedBy = (input: RolloutInput): string => input.requestedBy || 'unknown';
const byItself = (input: RolloutInput): RolloutOrder => ({ actor: requestedBy(input) });

/** How a step was opened that nobody has ordered. */
interface ByItself {
  unattended?: boolean;
  forNews?: boolean;
}

async function open(course: RolloutCourse, position: number, order: RolloutOrder & ByItself): Promise<void> {
  const { actor, reason, unattended = false, forNews = false } = order;
  // A step that a reset opens again must not be taken for the one of before: hence the id of this very run.
  const opening = `${workflowInfo().runId}/${course.number}+${course.retries}`;
  const opened = await rolling.openStep({
    rolloutId: rolloutId(),
    opening,
    position,
    by: { actor, reason },
    unattended,
    forNews,
  });
  const { number } = checkResult('openStep', opened, { number: wholeNumber(1) });
  Object.assign(course, { position, number, retries: course.retries + (forNews ? 1 : 0), verdict: null });
  show(course);
}

/** null: an operator took the step back while it was running. */
async function tryStep(input: RolloutInput, course: RolloutCourse, orders: RolloutOrders): Promise<StepVerdict | null> {
  const scope = new CancellationScope();
  orders.onInterrupt(() => scope.cancel());
  try {
    const run = {
      rolloutId: rolloutId(),
      number: course.number,
      serverId: input.serverId,
      step: course.steps[course.position]!,
    };
    return await scope.run(() => runStep({ ...run, requestedBy: requestedBy(input) }));
  } catch (error) {
    if (CancellationScope.current().consideredCancelled || orders.given() === null) throw error;
    return null;
  } finally {
    orders.onInterrupt(() => {});
  }
}

/** What is to be done now; null: this history is long enough. */
async function nextOrder(
  { newsWaitMs = NEWS_WAIT_MS }: RolloutInput,
  course: RolloutCourse,
  orders: RolloutOrders,
  isTooLong: () => boolean,
): Promise<(GivenOrder & ByItself) | null> {
  if (orders.given() !== null) return orders.given();
  if (isTooLong()) {
    await condition(() => allHandlersFinished() || orders.given() !== null);
    return orders.given();
  }
  const { verdict, unattended } = course;
  const alone = { kind: 'advance', actor: 'rollout' } as const;
  if (unattended && verdict?.good) return { ...alone, reason: 'the step before was good', unattended };
  if (waitsForNews(course)) {
    const asked = await condition(() => orders.given() !== null, newsWaitMs);
    return asked ? orders.given() : { ...alone, again: true, reason: 'there may be news', forNews: true };
  }
  await condition(() => orders.given() !== null);
  return orders.given();
}

/** Too little to do is nothing that a person could mend: news come with time. */
const waitsForNews = ({ unattended, verdict }: RolloutCourse): boolean => unattended && verdict?.idle === true;

const isLong = ({ stepsPerHistory = STEPS_PER_HISTORY }: RolloutInput, steps: number): boolean =>
  steps >= stepsPerHistory || workflowInfo().continueAsNewSuggested;

/** The step before was good, or this one had not opened. Whoever goes back decides when it goes on. */
async function goBack(course: RolloutCourse, { actor, reason }: RolloutOrder): Promise<void> {
  await rolling.withdrawStep({ rolloutId: rolloutId(), position: course.position, by: { actor, reason } });
  Object.assign(course, {
    position: course.position - 1,
    verdict: { good: true, idle: false, reasons: [] },
    unattended: false,
  });
}

const isThrough = ({ verdict, position, steps }: RolloutCourse): boolean =>
  verdict?.good === true && position === steps.length - 1;

const nameOf = ({ steps, position }: RolloutCourse): string | null => steps[position]?.name ?? null;

function show(course: RolloutCourse): void {
  const { verdict, steps, position, unattended } = course;
  const where = `step ${position + 1} of ${steps.length}, **${nameOf(course)}**`;
  if (verdict === null) return setCurrentDetails(`${where}: running`);
  if (waitsForNews(course)) {
    return setCurrentDetails(
      `${where}: waits for news, and is then tried again by itself. ${verdict.reasons.join(' ')}`,
    );
  }
  const next = unattended ? 'the next one opens' : 'waiting for `advance` or `back`';
  setCurrentDetails(`${where}: ${verdict.good ? `good, ${next}` : `not good. ${verdict.reasons.join(' ')}`}`);
}

async function end(outcome: RolloutEnd, { actor, reason }: RolloutOrder): Promise<void> {
  await rolling.endRollout({ rolloutId: rolloutId(), outcome, by: { actor, reason } });
}

function checkRollout(input: RolloutInput | null | undefined): asserts input is RolloutInput {
  checkInput('Starting rollout', input, {
    serverId: text(63),
    maxWorkers: optional(wholeNumber(1, MAX_WORKERS)),
    unattended: optional(flag),
    requestedBy: optionalText(),
    stepsPerHistory: optional(wholeNumber(1)),
    newsWaitMs: optional(wholeNumber(1)),
    carried: optional(object),
  });
  const { carried } = input as RolloutInput;
  if (!carried) return;
  checkInput('Continuing rollout', carried, {
    steps: someSteps,
    number: wholeNumber(1),
    retries: wholeNumber(0),
    unattended: flag,
  });
  checkInput('Continuing rollout', carried, { position: wholeNumber(0, carried.steps.length - 1) });
  const verdict = { good: flag, idle: flag, reasons: listOf(anyText) };
  if (carried.verdict) checkInput('Continuing rollout', carried.verdict, verdict);
}

function someSteps(value: unknown): string | null {
  return Array.isArray(value) && value.length > 0 ? listOf(object)(value) : 'must be a list of steps';
}
