/** How long a time without a fraction is. */
export const SECONDS = 19;

const [DASH, SPACE, COLON, POINT, ZERO] = [45, 32, 58, 46, 48];
const DAYS_OF_400_YEARS = 146_097 * 86_400_000;

/**
 * `2024-03-10 02:30:00`, with up to six digits behind a point, in UTC, as milliseconds since 1970; digits beyond them
 * are cut off. NaN for what no Date can be, such as `2024-02-00`, and for any other text. By its digits: `Date.parse`
 * takes several times as long, and that is most of what reading a row costs.
 *
 * @param end where it ends, if something else follows
 */
export function instantIn(text: string, end = text.length): number {
  if (!hasShape(text, end)) return Number.NaN;
  const year = numberAt(text, 0, 4);
  const month = numberAt(text, 5, 7);
  const day = numberAt(text, 8, 10);
  const seconds = numberAt(text, 11, 13) * 3600 + numberAt(text, 14, 16) * 60 + numberAt(text, 17, SECONDS);
  return instantAt(year, month, day, seconds) + millisecondsOf(text, end);
}

/** A second of a day, in UTC, as milliseconds since 1970; NaN for a day that there is not, such as `2024-02-00`. */
export function instantAt(year: number, month: number, day: number, seconds: number): number {
  // `2024-02-30` can be stored by MySQL, and would become a day of March.
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return Number.NaN;
  // `Date.UTC` takes the years before 100 for those of the century before last.
  const days = year < 100 ? Date.UTC(year + 400, month - 1, day) - DAYS_OF_400_YEARS : Date.UTC(year, month - 1, day);
  return days + seconds * 1000;
}

function hasShape(text: string, end: number): boolean {
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH || text.charCodeAt(10) !== SPACE) return false;
  if (text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON) return false;
  if (end === SECONDS) return true;
  return end > SECONDS + 1 && end <= SECONDS + 7 && text.charCodeAt(SECONDS) === POINT;
}

/** NaN where it has something else than digits. */
function numberAt(text: string, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    number = digit >= 0 && digit <= 9 ? number * 10 + digit : Number.NaN;
  }
  return number;
}

function daysOf(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function millisecondsOf(text: string, end: number): number {
  const digits = Math.min(end, SECONDS + 4) - SECONDS - 1;
  if (digits < 1) return 0;
  return numberAt(text, SECONDS + 1, SECONDS + 1 + digits) * 10 ** (3 - digits);
}

let lastTime = Number.NaN;
let lastText = '';

/** As `toISOString` writes it. The rows of one insert have the same time, and to write it takes long. */
export function isoOf(date: Date): string {
  const time = date.getTime();
  if (time !== lastTime) {
    lastText = date.toISOString();
    lastTime = time;
  }
  return lastText;
}
