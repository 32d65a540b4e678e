export type Severity = 'error' | 'warning' | 'info';

/** The codes that an operator sees. docs/transport-graph.md says what each asks the operator to do. */
export type IssueCode =
  | 'no-nodes'
  | 'no-edges'
  | 'weight-invalid'
  | 'edge-to-unknown-stop'
  | 'duplicate-stop'
  | 'not-connected'
  | 'shrunken'
  | 'shrink-approved'
  | 'not-strongly-connected'
  | 'self-loop'
  | 'parallel-edges'
  | 'implausible-speed'
  | 'coordinates-missing'
  | 'orphan-flights'
  | 'short-horizon'
  | 'eviction-allowed';

/** A finding about the data: how often it occurs, and the first few cases by name. */
export interface GraphIssue {
  code: IssueCode;
  severity: Severity;
  count: number;
  message: string;
  samples: Record<string, unknown>[];
}

export interface GraphReport {
  nodes: number;
  edges: number;
  weakComponents: number;
  strongComponents: number;
  /** True when no issue is an error. */
  valid: boolean;
  issues: GraphIssue[];
}

export const MAX_SAMPLES = 10;

/** Puts errors first, then warnings. Within a kind, the most frequent comes first. */
export function sortIssues(issues: GraphIssue[]): GraphIssue[] {
  const rank: Record<Severity, number> = { error: 0, warning: 1, info: 2 };
  return issues.toSorted((a, b) => rank[a.severity] - rank[b.severity] || b.count - a.count);
}
