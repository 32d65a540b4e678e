/** What has to end with the demo: last begun, first ended; also what is still being begun when it is told to stop. */
export class TidyUp {
  readonly #endings: (() => Promise<void>)[] = [];

  begin<T>(beginning: Promise<T>, end: (begun: T) => Promise<void>): Promise<T> {
    // What could not be begun has told so to whoever waits for it, and needs no end.
    this.#endings.unshift(() => beginning.then(end, () => {}));
    return beginning;
  }

  /** One that cannot be ended does not keep the others up. @throws the first such failure, after all */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    // One at a time: what is being begun may begin another thing when it is there.
    for (let end = this.#endings.shift(); end !== undefined; end = this.#endings.shift()) {
      await end().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
