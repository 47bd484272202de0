/** Counts down on the page to an instant of the server's clock. */

/** Milliseconds by which the server's clock is ahead of this browser's; added to `Date.now()`. */
export type Skew = number;

/** Shows the time left in `element` each second until `stop` is called or the time is over. */
export function countDown(
  element: HTMLElement,
  expires: Date,
  skew: Skew,
  show: (secondsLeft: number) => void,
): { stop: () => void } {
  const tick = (): void => {
    const left = secondsLeft(expires, skew);
    element.textContent = clock(left);
    show(left);
    if (left === 0) window.clearInterval(timer);
  };
  const timer = window.setInterval(tick, 1000);
  tick();
  return { stop: () => window.clearInterval(timer) };
}

/** An RFC 3339 instant, or nothing if the text is not one. */
export function instant(text: string | null | undefined): Date | null {
  if (!text) return null;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
}

function secondsLeft(expires: Date, skew: Skew): number {
  return Math.max(0, Math.ceil((expires.getTime() - (Date.now() + skew)) / 1000));
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
