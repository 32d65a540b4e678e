/** What the doctor found, and what to do about it. */
export interface Finding {
  severity: 'problem' | 'notice';
  subject: string;
  found: string;
  remedy: string;
}
