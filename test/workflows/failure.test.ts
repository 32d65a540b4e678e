import { expect, test } from '@jest/globals';
import { ActivityFailure, DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import { failureConverter } from '../../src/connections/failure-converter.ts';
import { nameFailure } from '../../src/workflows/failure.ts';

const SCHEDULE_TO_CLOSE = 3;

/** As Temporal sends the end of an activity whose time was over, with the failure of its last attempt, if one failed. */
function timedOut(converter: DefaultFailureConverter, lastOfType: string | null): unknown {
  const last = converter.errorToFailure(new Error('PostgreSQL did not answer'), defaultPayloadConverter);
  const cause = { ...last, applicationFailureInfo: { type: lastOfType } };
  const failure = {
    message: 'Activity task timed out',
    activityFailureInfo: { activityType: { name: 'readStages' } },
    cause: {
      message: 'giving up retrying',
      timeoutFailureInfo: { timeoutType: SCHEDULE_TO_CLOSE },
      ...(lastOfType === null ? {} : { cause }),
    },
  };
  return converter.failureToError(failure, defaultPayloadConverter);
}

test.each([
  ['plain', new DefaultFailureConverter()],
  ['encrypted', failureConverter],
])('attempts that failed until their time was over are named after the last one: %s', (_, converter) => {
  const error = timedOut(converter, 'DatabaseUnavailable');
  expect(error).toBeInstanceOf(ActivityFailure);
  expect(nameFailure(error)).toEqual({ code: 'DatabaseUnavailable', message: 'PostgreSQL did not answer' });
});

test('without a failed attempt nobody answered', () => {
  expect(nameFailure(timedOut(new DefaultFailureConverter(), null))).toEqual({
    code: 'Lost',
    message: 'no worker answered in time: giving up retrying',
  });
});
