import { Failure, type FailureCode } from '../../errors.ts';

/** A part that has not answered by then is down, as far as this request is concerned. */
export const DEADLINE_MS = 900;

/** Throws `code` when `work` takes longer. What it was doing may still happen. */
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
  // Of the loser of the race.
  answer.catch(() => {});
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
