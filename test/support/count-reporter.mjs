/** Ends the run with one plain line that any CI can read, after a list of the skipped tests. */
export default class CountReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.numPendingTests + results.numTodoTests;
    // A suite that could not be loaded has no tests to count, so it counts as one failed test.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const tail = skipped > 0 ? `, ${skipped} skipped` : '';
    // The default reporter writes its summary in this tick; the line comes after it.
    setImmediate(() => process.stdout.write(`\n${results.numPassedTests} passed, ${failed} failed${tail}\n`));
  }
}
