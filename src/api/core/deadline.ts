import { Failure, type FailureCode } from '../../errors.ts';

/** A server that has not answered within this time counts as down for the request. */
export const DEADLINE_MS = 900;

/** Throws `code` when `work` takes longer. The work itself is not stopped. */
export async function withinDeadline<T>(
  code: FailureCode,
  part: string,
  work: () => Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Failure(code, `${part} did not answer within ${deadlineMs} ms. Ask again.`)),
      deadlineMs,
    );
  });
  const answer = work();
  // When the deadline wins the race, a later failure of the work must not become an unhandled rejection.
  answer.catch(() => {});
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
