import { z } from 'zod';

export const count = z.number().int().positive();
export const milliseconds = z.number().int().positive();
export const text = z.string().max(500);
/** Where a secret lies, never the secret; readSecret resolves it. */
export const secretReference = z
  .string()
  .regex(/^(file:\/.+|env:[A-Z][A-Z0-9_]*)?$/)
  .meta({ description: '`file:/path`, `env:NAME` or empty' });
export const address = z
  .string()
  .refine((value) => value === '' || isPlainAddress(value))
  .meta({ description: 'an http(s) address without user, password, query and fragment, or empty' });

export function isPlainAddress(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return plain && (url.protocol === 'http:' || url.protocol === 'https:');
}
