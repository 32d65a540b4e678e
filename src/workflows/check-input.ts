import { ApplicationFailure } from '@temporalio/workflow';

/** What a value must be, in words, when it is not; null when it is. */
export type Rule = (value: unknown) => string | null;

const rule =
  (fits: (value: unknown) => boolean, wanted: string): Rule =>
  (value) =>
    fits(value) ? null : wanted;

const LONGEST_SHOWN = 200;
/** PostgreSQL cannot store NUL: a text with one would be refused there for ever. */
const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= most && !value.includes('\0');

export const text = (most = 500): Rule =>
  rule((value) => isText(value, most), `must be a text of 1 to ${most} characters without NUL`);
export const optionalText = (most = 500): Rule =>
  rule(
    (value) => value === undefined || value === null || value === '' || isText(value, most),
    `must be a text of at most ${most} characters without NUL`,
  );
/** A text that somebody else has checked, of any length. */
export const anyText: Rule = rule((value) => typeof value === 'string', 'must be a text');
export const textLike = (pattern: RegExp, wanted: string): Rule =>
  rule((value) => typeof value === 'string' && pattern.test(value), `must be ${wanted}`);
export const oneOf = (...values: unknown[]): Rule =>
  rule((value) => values.includes(value), `must be ${values.map((value) => JSON.stringify(value)).join(' or ')}`);
export const wholeNumber = (from: number, to = Number.MAX_SAFE_INTEGER): Rule =>
  rule(
    (value) => Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to,
    `must be a whole number ${to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`}`,
  );
export const object: Rule = rule(isObject, 'must be an object');
export const optional =
  (inner: Rule): Rule =>
  (value) =>
    value === undefined || value === null ? null : inner(value);

export const listOf =
  (inner: Rule): Rule =>
  (value) => {
    if (!Array.isArray(value)) return 'must be a list';
    const broken = value.map(inner).find((wanted) => wanted !== null);
    return broken === undefined ? null : `must be a list, and each of it ${broken}`;
  };

export const runIdText = textLike(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'the id of a run, a UUID');
export const vehicleIdText = textLike(/^[1-9][0-9]{0,18}$/, 'a vehicle id, as text');
export const flag = oneOf(true, false);

/**
 * Checks a workflow's input, because anyone with the `temporal` command may start it. An error that is no ApplicationFailure would wedge the
 * workflow instead of ending it, and an error in an activity may be tried again for ever.
 *
 * @throws ApplicationFailure `InvalidRequest`, naming the first field that breaks its rule
 */
export function checkInput(doing: string, input: unknown, fields: Record<string, Rule>): void {
  if (!isObject(input)) {
    throw refusal(doing, `its input must be an object with ${Object.keys(fields).join(', ')}, and is ${shown(input)}`);
  }
  for (const [name, broken] of Object.entries(fields)) {
    const wanted = broken(input[name]);
    if (wanted !== null) throw refusal(doing, `${name} ${wanted}, and is ${shown(input[name])}`);
  }
}

/**
 * Checks what an activity answered, because anyone with the `temporal` command may complete one by hand, with any result.
 *
 * @throws ApplicationFailure `EndedByHand`, with what was said
 */
export function checkResult<T>(activity: string, result: T, fields: Record<string, Rule>): T {
  if (isObject(result) && Object.entries(fields).every(([name, broken]) => broken(result[name]) === null))
    return result;
  const message = `Activity ${activity} was completed by hand with ${shown(result)}, which is no result of it. What was done before stays.`;
  throw ApplicationFailure.nonRetryable(message, 'EndedByHand');
}

export function refusal(doing: string, found: string, code = 'InvalidRequest'): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`${doing}: ${found}. Nothing was done.`, code);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === undefined) return 'not there';
  return JSON.stringify(value).slice(0, LONGEST_SHOWN);
}
