import { isNativeError } from 'node:util/types';
import { Failure } from '../errors.ts';

/** Temporary answers: Redis starts, fails over, or cannot write at the moment. */
const PASSING = /^(LOADING|MASTERDOWN|READONLY|TRYAGAIN|CLUSTERDOWN|BUSY|MISCONF|NOREPLICAS|ERR max number of clients)/;

/** Runs `work` and names what was being done when Redis failed. Errors: RedisUnavailable, RedisOutOfMemory, RedisRefused, or a Failure of `work`. */
export async function namingRedisFailures<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure || !isNativeError(error)) throw error;
    throw redisFailure(doing, error);
  }
}

function redisFailure(doing: string, error: Error): Failure {
  const options = { cause: error };
  const text = error.message;
  // A script's error has the command's own error after its name.
  if (/\bOOM\b/.test(text)) {
    return new Failure('RedisOutOfMemory', `${doing}: Redis has reached maxmemory. Raise it, or free memory.`, options);
  }
  if (isReply(error) && !PASSING.test(text)) {
    const hint = text.includes('CROSSSLOT') ? ' This is a Redis Cluster: turn the key tag on.' : '';
    return new Failure('RedisRefused', `${doing}: Redis refused (${text}).${hint}`, options);
  }
  return new Failure('RedisUnavailable', `${doing}: Redis did not answer (${text}). It is tried again.`, options);
}

const isReply = (error: Error): boolean =>
  error.name === 'ReplyError' || /^(WRONGTYPE|ERR|NOAUTH|NOPERM)/.test(error.message);
