import { z } from 'zod';
import { settingUnder } from '../setting.ts';

export const setting = settingUnder('transport_graph');
export const percent = z.number().min(0).max(100);
