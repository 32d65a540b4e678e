/** Injection tokens for providers that are not classes. */
export const CONFIG = Symbol('config');
export const LOGGER = Symbol('logger');
export const REDIS = Symbol('redis');
export const PROGRESS = Symbol('progress');
