/**
 * Calls `gone` when the program that started this process, with a channel to it, has ended: this process must not outlive it. Calls it
 * immediately when that program was killed while this process still loaded its modules.
 */
export function onParentGone(gone: () => void): void {
  if (process.connected === false) gone();
  else process.once('disconnect', gone);
}
