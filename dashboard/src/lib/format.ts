/** Numbers as people read them. A dash stands for what is not known. */

const DASH = "–";
const MINUS = "−";

/** With so many decimals at most, and thousands set apart by a thin space. */
export function number(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const text = Math.abs(value).toFixed(digits);
  const [whole = "", decimals] = text.split(".");
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") : whole;
  const sign = value < 0 && Number(text) !== 0 ? MINUS : "";
  return sign + grouped + (decimals === undefined ? "" : `.${decimals}`);
}

/** A score: whole or half points. */
export function score(value: number | null | undefined): string {
  return number(value, Number.isInteger(value) || value == null ? 0 : 1);
}

/** Milliseconds with about three significant digits, unless said otherwise. */
export function milliseconds(value: number | null | undefined, digits?: number): string {
  if (value === null || value === undefined) return DASH;
  return number(value, digits ?? (value < 10 ? 2 : value < 100 ? 1 : 0));
}

export function percent(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined ? DASH : `${number(100 * value, digits)} %`;
}

/** Two decimals, and of less than a dollar enough to see something. */
export function dollars(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  return `$${number(value, value === 0 || Math.abs(value) >= 1 ? 2 : Math.abs(value) < 0.01 ? 6 : 4)}`;
}

/** Seconds as a span of time: `4.2 s`, `3:07`, `2:03:07`. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  if (seconds < 60) return `${number(seconds, Number.isInteger(seconds) ? 0 : 1)} s`;
  const whole = Math.round(seconds);
  const clock = [Math.floor(whole / 60) % 60, whole % 60].map((part) => `${part}`.padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${clock.join(":")}` : `${Math.floor(whole / 60)}:${clock[1]}`;
}

/** A moment, in the visitor's time zone: `14:03:07`, with the date where it is not today. */
export function moment(seconds: number, now = Date.now()): string {
  const date = new Date(1000 * seconds);
  const time = date.toLocaleTimeString([], { hour12: false });
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? time : `${date.toLocaleDateString("sv-SE")} ${time}`;
}

/** `http://127.0.0.1:4003` without what all servers have in common. */
export function server(address: string, all: readonly string[] = [address]): string {
  const bare = address.replace(/^https?:\/\//, "");
  const port = /^(.*):(\d+)$/.exec(bare);
  const shared = port !== null && all.every((each) => each.includes(`//${port[1]}:`));
  return shared ? `:${port[2]}` : bare;
}

/** `12 routes`, `1 route`. */
export function count(many: number, one: string, more = `${one}s`): string {
  return `${number(many)} ${many === 1 ? one : more}`;
}
