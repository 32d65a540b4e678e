import { Failure, type FailureCode } from '../../errors.ts';

/** One field of a request that breaks a rule. */
export interface FieldError {
  field: string;
  rule: string;
  message: string;
}

export interface ProblemDetails {
  errors?: FieldError[];
  /** Where to look instead. */
  link?: string;
  retryAfterSeconds?: number;
  /** Methods that the path has, for the header of that name. */
  allow?: string[];
}

/** A failure that tells the client more than its message. */
export class Problem extends Failure {
  readonly details: ProblemDetails;

  constructor(code: FailureCode, message: string, details: ProblemDetails = {}) {
    super(code, message);
    this.details = details;
  }
}

/** What could not be found, and where to look. */
export const notFound = (what: string, link?: string): Problem =>
  new Problem('NotFound', `There is no ${what}.`, link === undefined ? {} : { link });
