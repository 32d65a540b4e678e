/** What a rollout is started with, what it asks of its activities, and what it tells. */

export interface RolloutInput {
  serverId: string;
  /** The most that are in flight there at the end; without it the server's own limit, or the setting's. */
  maxWorkers?: number | null;
  /** Each next step opens by itself, for as long as the steps are good. */
  unattended?: boolean;
  requestedBy?: string;
  /** Steps that it opens, after the one that it begins with, before it continues as new. */
  stepsPerHistory?: number;
  /** How long an unattended one waits for news before it tries a step again. */
  newsWaitMs?: number;
  /** Carried through continue-as-new. */
  carried?: RolloutCourse;
}

export interface RolloutStep {
  name: 'test' | 'pilot' | 'gradual' | 'full';
  /** The first of the server by priority; null: all. */
  vehicles: number | null;
  /** Worker slots of the step's run. */
  workers: number;
  /** The server's own limit of vehicles in flight while the step is the current one; null: the setting's holds. */
  limit: number | null;
  /** Whether the limit follows how the server copes. */
  adaptive: boolean;
}

/** Where a rollout stands. */
export interface RolloutCourse {
  steps: RolloutStep[];
  /** The current step's place among them. */
  position: number;
  /** The current step's row. */
  number: number;
  /** How often steps were tried again because there was too little to do. */
  retries: number;
  /** null: it is running. */
  verdict: StepVerdict | null;
  unattended: boolean;
}

/** How many vehicles of a step arrived, and what is known of their server. */
export interface StepMeasure {
  run: {
    runId: string;
    state: string;
    vehicles: number;
    /** Completed or up to date. */
    succeeded: number;
    /** Completed, which only those are that had rows to read. */
    worked: number;
    failed: number;
  } | null;
  reconciliation: {
    reconciliationId: string;
    state: string;
    vehicles: number;
    compared: number;
    missing: number;
    changed: number;
    extra: number;
  } | null;
  circuit: {
    state: 'closed' | 'open' | 'half-open' | 'held';
    code: string | null;
    /** It is closed, and was not all the time since the step began. */
    reopened: boolean;
  };
}

export interface StepVerdict {
  good: boolean;
  /** Nothing speaks against the step but that there was too little to do. */
  idle: boolean;
  /** Why not, in words: what was measured, against what, and what to do. */
  reasons: string[];
}

/** Who asks, and why. */
export interface RolloutOrder {
  actor: string;
  reason?: string | undefined;
  /** Runs the same step again instead of opening the next one. */
  again?: boolean;
}

/** What an order has led to. */
export interface RolloutStanding {
  state: RolloutEnd | 'running';
  /** null: every step was taken back. */
  step: string | null;
}

export type RolloutEnd = 'completed' | 'withdrawn' | 'cancelled' | 'failed';

export interface PlanRolloutInput {
  rolloutId: string;
  workflowId: string;
  serverId: string;
  maxWorkers: number | null;
  unattended: boolean;
  requestedBy: string;
}

export interface StepKey {
  rolloutId: string;
  number: number;
}

export interface OpenStepInput {
  rolloutId: string;
  opening: string;
  position: number;
  by: RolloutOrder;
  /** Nobody has asked for this step by itself. */
  unattended: boolean;
  /** The step had too little to do and is tried again by itself, in the row that it has: new rows would be a thousand after a quiet week. */
  forNews: boolean;
}

export interface RolloutActivities {
  /** Lays out the steps. A rollout of the server that was ended from outside is undone first. */
  planRollout(input: PlanRolloutInput): Promise<{ steps: RolloutStep[] }>;
  /** Changes what the step needs of settings and limits, in the transaction that adds its row. */
  openStep(input: OpenStepInput): Promise<{ number: number }>;
  /** Notes which run or reconciliation is the step's. */
  noteStep(input: StepKey & { runId?: string; reconciliationId?: string }): Promise<void>;
  measureStep(key: StepKey): Promise<StepMeasure>;
  closeStep(input: StepKey & { measured: StepMeasure; verdict: StepVerdict }): Promise<void>;
  /** Puts back what the step at this place has changed. */
  withdrawStep(input: { rolloutId: string; position: number; by: RolloutOrder }): Promise<void>;
  /** Ends the rollout. One that was not completed leaves settings and limits as they were before it. */
  endRollout(input: { rolloutId: string; outcome: RolloutEnd; by: RolloutOrder }): Promise<void>;
}
