import { z } from 'zod';
import { settingUnder } from '../setting.ts';

export const setting = settingUnder('legacy_sync');
export const count = z.number().int().positive();
export const milliseconds = z.number().int().positive();
export const bytes = z.number().int().positive();
