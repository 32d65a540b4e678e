import { readFile } from 'node:fs/promises';
import { Failure } from '../errors.ts';

/** The content of a JSON file that an operator named. Errors: InvalidConfiguration when there is no such file or it is no JSON. */
export async function readJsonFile(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Failure('InvalidConfiguration', `Reading ${file}: ${error.code ?? error.message}. Name a readable file.`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure('InvalidConfiguration', `Reading ${file}: it is no JSON (${(error as Error).message}).`);
  }
}
