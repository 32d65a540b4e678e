import type { z } from 'zod';
import type { Role } from '../../records/api-keys.ts';

/** `public` needs no key. `local` needs a viewer's key, but no key from this machine where the configuration allows that. */
export type Access = Role | 'public' | 'local';

export type Shape = z.ZodObject | undefined;

/** An endpoint: its input, its answer, and who may call it. The handler's input is checked against it, and /docs is generated from it. */
export interface RouteDefinition<
  P extends Shape = Shape,
  Q extends Shape = Shape,
  B extends z.ZodType | undefined = z.ZodType | undefined,
> {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The path below that of the controller. */
  path: string;
  access: Access;
  summary: string;
  description?: string;
  params?: P;
  query?: Q;
  body?: B;
  /** The answer with status 200, or with `status`. */
  answer: z.ZodType | { mediaType: string };
  status?: number;
  /** The answer is the same for every key and may be half a second old; recent-answers.ts keeps it. */
  recent?: boolean;
  /** Possible answers beside the errors that every endpoint has. */
  also?: Record<number, string>;
}
