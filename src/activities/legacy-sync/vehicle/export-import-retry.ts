import { FAILURES, type FailureCode } from '../../../errors.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';

/**
 * Whether and when a failed attempt to export or import a range is tried again. `errors.ts` says of each code whether a retry can help,
 * `workflows/legacy-sync/retry-profiles.ts` how Temporal repeats an activity, and the settings how often and after which wait.
 */
export interface Retry {
  mayRetry: boolean;
  retryInMs: number;
}

type RetrySettings = Pick<LegacySyncSettings, 'retryAttempts' | 'retryInitialMs' | 'retryMaxMs'>;

/** These failures say nothing about the work itself, so they cost no attempt. */
export const COST_NO_ATTEMPT: ReadonlySet<FailureCode> = new Set(['CircuitOpen', 'DatabaseUnavailable', 'NotStreamed']);

const EXPORTED_AGAIN = new Set<string>([
  'DumpTruncated',
  'DumpCorrupt',
  'DumpRowCountMismatch',
  'WatermarkMoved',
] satisfies FailureCode[]);

/** After these failures the range is exported again: loading the same file again would end the same way. */
export const isExportedAgain = (code: string | null | undefined): boolean => EXPORTED_AGAIN.has(code ?? '');

/** The rule for the failure that was the vehicle's `failures`th since its last committed range. The wait doubles, give or take a quarter. */
export function retryAfter(
  { code, failures }: { code: FailureCode; failures: number },
  { retryAttempts, retryInitialMs, retryMaxMs }: RetrySettings,
  random: () => number,
): Retry {
  const wait = Math.min(retryInitialMs * 2 ** (failures - 1), retryMaxMs);
  return {
    mayRetry: FAILURES[code].retry && failures <= retryAttempts,
    retryInMs: Math.round(wait * (0.75 + random() / 2)),
  };
}
