/** The script of the hosted pages: the countdown and the way onward. Every page also works without it. */
import { countDown, instant, type Skew } from '../shared/countdown';

showCountdowns();
goOnward();

/** `data-expires` marks an element that shows the time left; the page's `data-now` is the server's clock. */
function showCountdowns(): void {
  const skew = clockSkew();
  for (const element of document.querySelectorAll<HTMLElement>('[data-expires]')) {
    const expires = instant(element.dataset['expires']);
    if (expires) countDown(element, expires, skew, (left) => markExpired(left === 0));
  }
}

function clockSkew(): Skew {
  const now = instant(document.body.dataset['now']);
  return now ? now.getTime() - Date.now() : 0;
}

/** Shows `data-when="expired"` in place of `data-when="open"` once the time is over. */
function markExpired(expired: boolean): void {
  for (const element of document.querySelectorAll<HTMLElement>('[data-when]')) {
    element.hidden = (element.dataset['when'] === 'expired') !== expired;
  }
}

/** Leaves for the address in `data-onward`, without keeping this page in the history. */
function goOnward(): void {
  const onward = document.querySelector<HTMLAnchorElement>('a[data-onward]');
  if (!onward) return;
  const scheme = new URL(onward.href).protocol;
  if (scheme === 'https:' || scheme === 'http:') window.location.replace(onward.href);
}
