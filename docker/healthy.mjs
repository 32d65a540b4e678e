// node healthy.mjs URL [gauge]: exit 0 when the page answers 200 and, where a gauge is named, one of its samples is above zero.
const [, , url, gauge] = process.argv;
const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
const page = await response.text();
const samples = page.split('\n').filter((line) => line.startsWith(`${gauge}{`));
const alive = response.ok && (gauge === undefined || samples.some((line) => Number(line.split(' ').at(-1)) > 0));
if (!alive)
  process.stderr.write(`${url} answered ${response.status}${gauge === undefined ? '' : `, ${gauge}: ${samples}`}\n`);
process.exitCode = alive ? 0 : 1;
