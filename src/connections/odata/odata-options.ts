/** How a source is reached and how much of it is taken. Times in milliseconds, sizes in bytes. */
export interface OdataOptions {
  /** Root of the service, with or without a slash at its end. */
  url: string;
  /** Basic authentication; null: none. */
  login: { user: string; password: string } | null;
  /** Rows asked for in one request. */
  pageSize: number;
  /** Per set. */
  maxPages: number;
  maxPageBytes: number;
  /** Of all answers together. */
  maxTotalBytes: number;
  requestTimeoutMs: number;
  /** Attempts of one request; only network errors, 408, 429 and 5xx are tried again. */
  requestAttempts: number;
  retryInitialMs: number;
  retryMaxMs: number;
}
