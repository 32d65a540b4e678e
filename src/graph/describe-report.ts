import type { GraphIssue, GraphReport } from './graph-report.ts';

const NAMED_COMPONENTS = 5;

/** The errors of a report in one sentence each, for a failure's message. The report itself has the rest. */
export function describeErrors(report: GraphReport): string {
  return report.issues
    .filter(({ severity }) => severity === 'error')
    .map((issue) => `${issue.code}: ${detail(issue)}`)
    .join('; ');
}

function detail(issue: GraphIssue): string {
  if (issue.code === 'not-connected') return describeComponents(issue);
  const [sample] = issue.samples;
  return `${issue.count} × ${issue.message}${sample === undefined ? '' : ` (first: ${JSON.stringify(sample)})`}`;
}

function describeComponents({ count, samples }: GraphIssue): string {
  const parts = samples.slice(0, NAMED_COMPONENTS).map(({ size, stops }) => {
    const names = (stops as { stopId: string; stopName: string }[]).map(
      ({ stopId, stopName }) => `${stopId} “${stopName}”`,
    );
    return `${size} stops (${names.join(', ')}${names.length < (size as number) ? ', …' : ''})`;
  });
  return `${count} parts without a route between them: ${parts.join(' | ')}${count > parts.length ? ' | …' : ''}`;
}
