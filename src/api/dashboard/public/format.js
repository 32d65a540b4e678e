// Formats figures for people. Sizes are decimal: 1 MB is 1,000,000 bytes.

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const ONE_PLACE = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
export const NOTHING = '–';

export const whole = (number) => WHOLE.format(number);

export function bytes(number) {
  let value = number;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? WHOLE.format(value) : ONE_PLACE.format(value)} ${UNITS[unit]}`;
}

/** Shortens large counts: 1,234 stays, 12,345,678 becomes 12.3 M. */
export function short(number) {
  if (number < 100_000) return WHOLE.format(number);
  if (number < 1_000_000) return `${WHOLE.format(number / 1000)} k`;
  return `${ONE_PLACE.format(number / 1_000_000)} M`;
}

/** Begins a text with a capital, for use as a sentence. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const plural = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

/** Formats a duration with at most two units: `420 ms`, `1.4 s`, `3 min 20 s`, `2 h 05 min`, `4 d 3 h`. */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${ONE_PLACE.format(seconds)} s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${pad(total % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const pad = (number) => String(number).padStart(2, '0');

/** `just now`, `12 s ago`, `5 min ago`, `in 3 h`. */
export function relative(time, now) {
  const difference = now - Date.parse(time);
  const distance = Math.abs(difference);
  if (distance < 2000) return 'just now';
  const text = coarse(distance);
  return difference >= 0 ? `${text} ago` : `in ${text}`;
}

function coarse(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Formats a time in the reader's time zone, and names the offset: `2026-11-26 11:06:02 UTC+9`. */
export function timestamp(time) {
  const at = new Date(time);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(time)} ${offset(time)}`;
}

/** The offset of the reader's clock from UTC at that time: `UTC+9`, `UTC−3:30`, `UTC`. */
export function offset(time) {
  const minutes = -new Date(time).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes > 0 ? '+' : '−'}${hours}${rest === 0 ? '' : `:${pad(rest)}`}`;
}

/** The name of the reader's time zone: `Asia/Yakutsk (UTC+9)`. */
export function zone(now) {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return name === undefined || name === offset(now) ? offset(now) : `${name} (${offset(now)})`;
}

export function clock(time) {
  const at = new Date(time);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export const percent = (number) => `${Math.floor(number)} %`;
