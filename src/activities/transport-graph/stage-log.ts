/** The lines of one stage, in the form that its users grep for: `[2025-01-15T10:30:00Z] [odata-sync-worker] ℹ️ text`. */
export interface StageLog {
  info(text: string, ids?: StageLogIds): void;
  warn(text: string, ids?: StageLogIds): void;
  error(text: string, ids?: StageLogIds): void;
}

/** Ids that follow the text as `name=value`, so that the text itself stays the same from run to run. */
export type StageLogIds = Record<string, string | number>;

interface StageLogOptions {
  /** Takes one line without its line break. */
  write?: (line: string) => void;
  now?: () => Date;
}

const MARKS = { info: 'ℹ️', warn: '⚠️', error: '❌' };

export function createStageLog(
  workerId: string,
  { write = writeToStdout, now = currentTime }: StageLogOptions = {},
): StageLog {
  const lineWith =
    (mark: string) =>
    (text: string, ids: StageLogIds = {}) => {
      const named = Object.entries(ids).map(([name, value]) => ` ${name}=${value}`);
      // One event stays one line, even when another program's message holds line breaks.
      const line = `${mark} ${text}${named.join('')}`.replaceAll(/\s*[\r\n]+\s*/g, ' ');
      write(`[${now().toISOString().slice(0, 19)}Z] [${workerId}] ${line}`);
    };
  return { info: lineWith(MARKS.info), warn: lineWith(MARKS.warn), error: lineWith(MARKS.error) };
}

const currentTime = (): Date => new Date();
const writeToStdout = (line: string): void => void process.stdout.write(`${line}\n`);
