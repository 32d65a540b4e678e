import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts messages and stacks of failures into a payload, where the codec encrypts them. Loaded by its path, by workers and into the bundle of
 * workflows, only where payloads are encrypted: without a key it would merely hide the messages.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
