/** Providers that are no classes of ours. */
export const CONFIG = Symbol('config');
export const LOGGER = Symbol('logger');
export const REDIS = Symbol('redis');
export const PROGRESS = Symbol('progress');
