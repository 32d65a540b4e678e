/** What the admin is told. Workflows raise it by `raise-alert.ts`, src/activities/alerts delivers, src/settings/alert-channels.ts has the channels. */
export interface AlertInput {
  /** Whose alert it is: a stage's worker id, or another name under which the admin knows what failed. */
  workerId: string;
  subject: string;
  message: string;
  /** Two alerts with one key are sent once. */
  dedupeKey: string;
}

export interface AlertActivities {
  /** Never fails the run: what could not be delivered is recorded. */
  raiseAlert(input: AlertInput): Promise<void>;
}
