/** Ends with the demo what it has begun, the last first. It also ends what is still starting when the demo stops. */
export class TidyUp {
  readonly #endings: (() => Promise<void>)[] = [];

  begin<T>(beginning: Promise<T>, end: (begun: T) => Promise<void>): Promise<T> {
    // A beginning that failed needs no end, and whoever awaits `beginning` sees its error.
    this.#endings.unshift(() => beginning.then(end, () => {}));
    return beginning;
  }

  /** A failing end does not keep the others from ending. @throws the first failure, after all have ended */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    // One at a time: what is still starting may begin another thing when it has started.
    for (let end = this.#endings.shift(); end !== undefined; end = this.#endings.shift()) {
      await end().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
