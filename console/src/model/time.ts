/** Instants and durations in words. Local time; whoever shows one puts UTC beside it on hover. */

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const two = (n: number): string => String(n).padStart(2, "0");

/** `3 d 23 h`, `23 h 33 min`, `48 min`, `40 s`: two units at most, rounded down. */
export function duration(ms: number): string {
  const rest = Math.max(0, ms);
  const days = Math.floor(rest / DAY);
  const hours = Math.floor((rest % DAY) / HOUR);
  const minutes = Math.floor((rest % HOUR) / MINUTE);
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0) return `${minutes} min`;
  return `${Math.floor(rest / SECOND)} s`;
}

/** How long something lasts that was told by its end: to the nearest minute, for ends are whole seconds. */
export function lasting(ms: number): string {
  const whole = Math.round(ms / MINUTE) * MINUTE;
  // The rules count in hours: 24 h, and not 1 d.
  return whole < 2 * DAY && whole % HOUR === 0 && whole > 0 ? `${whole / HOUR} h` : duration(whole);
}

export function clockTime(at: number, seconds = false): string {
  const date = new Date(at);
  const text = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return seconds ? `${text}:${two(date.getSeconds())}` : text;
}

/** To the millisecond, as a log has it. */
export function exactTime(at: number): string {
  return `${clockTime(at, true)}.${String(new Date(at).getMilliseconds()).padStart(3, "0")}`;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const midnight = (at: number): number => new Date(at).setHours(0, 0, 0, 0);

/** The day where it is not today's: `Wed` within a week, `1 Dec` else, with the year in another one. */
export function dayWord(at: number, now: number): string {
  const days = Math.round((midnight(at) - midnight(now)) / DAY);
  if (days === 0) return "";
  const date = new Date(at);
  if (Math.abs(days) < 7) return WEEKDAYS[date.getDay()] ?? "";
  const word = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  return date.getFullYear() === new Date(now).getFullYear() ? word : `${word} ${date.getFullYear()}`;
}

/** `16:05` today, `Wed 16:05` within a week, `1 Dec, 16:05` else. */
export function moment(at: number, now: number, seconds = false): string {
  const day = dayWord(at, now);
  const time = clockTime(at, seconds);
  if (day === "") return time;
  return day.length === 3 ? `${day} ${time}` : `${day}, ${time}`;
}

/** For an axis: the time, and at midnight the day that begins. */
export function axisTime(at: number): string {
  const date = new Date(at);
  return midnight(at) === at
    ? `${WEEKDAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]}`
    : clockTime(at);
}

/** For a list: the time today, else the day alone. */
export function brief(at: number, now: number): string {
  return dayWord(at, now) || clockTime(at);
}

/** `Wed 25 Nov 16:32:10`: a whole date, for the clock. */
export function fullMoment(at: number): string {
  const date = new Date(at);
  return `${WEEKDAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]} ${clockTime(at, true)}`;
}

export function utc(at: number): string {
  return `${new Date(at).toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

/** What a countdown says. `expired` at once when it is over. */
export function left(until: number, now: number): string {
  return until <= now ? "expired" : duration(until - now);
}

/** How long until a countdown's words change: a second under two minutes, else the rest of the minute. */
export function nextTick(until: number, now: number): number {
  const rest = until - now;
  if (rest <= 0) return Number.POSITIVE_INFINITY;
  if (rest <= 2 * MINUTE) return rest % SECOND || SECOND;
  return rest % MINUTE || MINUTE;
}

/** A signed offset, as `+24 h` or `−3 min`. */
export function offset(ms: number): string {
  const far = Math.abs(ms);
  return `${ms < 0 ? "−" : "+"}${far < MINUTE ? duration(far) : lasting(far)}`;
}
