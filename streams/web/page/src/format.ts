/** Numbers, days and times as people read them. */

const WHOLE_NUMBERS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** An amount with separators: 1,111,500. */
export function amount(value: number | bigint): string {
  return WHOLE_NUMBERS.format(value);
}

/** A long amount in few letters, for axes: 1.1M. */
export function short(value: number): string {
  return Math.abs(value) < 10_000 ? WHOLE_NUMBERS.format(value) : SHORT.format(value);
}

/** A number of things: 1 section, 2 sections. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${amount(number)} ${number === 1 ? one : many}`;
}

/** How long ago something was, from milliseconds: 0.2 s, 12 s, 3 min, 2 h, 5 days. */
export function ago(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** A moment as a clock shows it, with the date if that is not today. */
export function moment(ms: number, now = Date.now()): string {
  const then = new Date(ms);
  const time = then.toLocaleTimeString("en-GB");
  return then.toDateString() === new Date(now).toDateString()
    ? time
    : `${then.toLocaleDateString("en-CA")} ${time}`;
}

/** A share as per cent: 0 only if nothing, 100 only if all. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "100%";
  const share = (100 * part) / whole;
  return `${part < whole ? Math.min(99, Math.floor(share)) : 100}%`;
}
