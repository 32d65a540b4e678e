import type { GraphIssue, GraphReport } from './graph-report.ts';

const NAMED_COMPONENTS = 5;

/** Describes the errors of a report in one sentence each, for a failure's message. The report itself holds the details. */
export function describeErrors(report: GraphReport): string {
  return report.issues
    .filter(({ severity }) => severity === 'error')
    .map((issue) => `${issue.code}: ${detail(issue)}`)
    .join('; ');
}

function detail(issue: GraphIssue): string {
  if (issue.code === 'not-connected') {
    return `${issue.count} parts without a route between them: ${describeParts(issue)}`;
  }
  if (issue.code === 'not-strongly-connected') return `${issue.count} ${issue.message}: ${describeParts(issue)}`;
  const [sample] = issue.samples;
  return `${issue.count} × ${issue.message}${sample === undefined ? '' : ` (first: ${JSON.stringify(sample)})`}`;
}

function describeParts({ count, samples }: GraphIssue): string {
  const parts = samples.slice(0, NAMED_COMPONENTS).map(({ size, stops, reachedFromHub, returnsToHub }) => {
    const names = (stops as { stopId: string; stopName: string }[]).map(
      ({ stopId, stopName }) => `${stopId} “${stopName}”`,
    );
    const how = returnsToHub === false ? (reachedFromHub === false ? ': neither' : ': not left') : ': not reached';
    const oneWay = returnsToHub === undefined ? '' : how;
    return `${size} stops (${names.join(', ')}${names.length < (size as number) ? ', …' : ''})${oneWay}`;
  });
  return `${parts.join(' | ')}${count > parts.length ? ' | …' : ''}`;
}
