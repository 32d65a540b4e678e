/** The largest value of PostgreSQL's bigint. */
export const MAX_BIGINT = 9_223_372_036_854_775_807n;
