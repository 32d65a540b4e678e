/**
 * Calls `gone` when the program that started this one with a channel to it has ended: what it started must not outlive it. At once where it
 * was killed before anybody here listened, while the modules were loaded.
 */
export function onParentGone(gone: () => void): void {
  if (process.connected === false) gone();
  else process.once('disconnect', gone);
}
