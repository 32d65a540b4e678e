import { z } from 'zod';
import { setting } from './setting-kinds.ts';

/** Whether the number in flight at a legacy server follows how the server copes. */
export const ADAPTIVE_SETTINGS = {
  adaptiveEnabled: setting(
    'adaptive.enabled',
    z.boolean(),
    false,
    'true: a server’s limit begins at 1, grows while more in flight bring more rows, shrinks on trouble, and never exceeds the fixed number.',
  ),
} as const;
