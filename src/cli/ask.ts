import { createInterface } from 'node:readline/promises';

/** Asks whoever sits at the terminal. Output that a program reads stays free of it. */
export async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim();
  } finally {
    terminal.close();
  }
}

export const asksYes = async (question: string): Promise<boolean> =>
  /^y(es)?$/i.test(await ask(`${question} (yes/no) `));
