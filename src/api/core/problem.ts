import { Failure, type FailureCode } from '../../errors.ts';

/** One field of a request that breaks a rule. */
export interface FieldError {
  field: string;
  rule: string;
  message: string;
}

export interface ProblemDetails {
  errors?: FieldError[];
  /** An address where the client finds more. */
  link?: string;
  retryAfterSeconds?: number;
  /** The methods that the path has, for the `Allow` header. */
  allow?: string[];
}

/** A failure that gives the client more than its message. */
export class Problem extends Failure {
  readonly details: ProblemDetails;

  constructor(code: FailureCode, message: string, details: ProblemDetails = {}) {
    super(code, message);
    this.details = details;
  }
}

/** Says what was not found, and where to look. */
export const notFound = (what: string, link?: string): Problem =>
  new Problem('NotFound', `There is no ${what}.`, link === undefined ? {} : { link });
