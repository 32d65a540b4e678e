import { z } from 'zod';
import { route } from '../core/route.ts';

const NOT_MODIFIED = { 304: 'It is still the one of `If-None-Match`.' };

export const DASHBOARD_PAGE = route({
  method: 'GET',
  path: '',
  access: 'public',
  summary: 'The dashboard',
  answer: { mediaType: 'text/html' },
  also: NOT_MODIFIED,
});

export const DASHBOARD_FILE = route({
  method: 'GET',
  path: 'dashboard/:file',
  access: 'public',
  summary: 'Part of the dashboard: a module, a style sheet, the icon',
  params: z.strictObject({ file: z.string().max(100) }),
  answer: { mediaType: 'text/javascript' },
  also: { ...NOT_MODIFIED, 404: 'There is no such part.' },
});
