/** What the person is told when the chat cannot go on by itself, with a button that tries again. */
import { part } from '../shared/page';

const TEXTS = {
  unreachable: 'The assistant cannot be reached right now. Your conversation is kept.',
  slow: 'Still connecting to the assistant. One moment, please.',
  lost: 'The connection was lost. Trying to get it back; nothing you wrote is gone.',
  expired: 'This chat was idle for a long time and has been paused. Your conversation is kept.',
  ended: 'This conversation has ended.',
} as const;

export type Kind = keyof typeof TEXTS;

export class Trouble {
  readonly #box = part('trouble', HTMLElement);
  readonly #text = part('trouble-text', HTMLElement);

  constructor() {
    part('try-again', HTMLButtonElement).addEventListener('click', () => window.location.reload());
  }

  show(kind: Kind): void {
    this.#text.textContent = TEXTS[kind];
    this.#box.hidden = false;
  }

  hide(): void {
    this.#box.hidden = true;
  }
}

/** The connection states of Direct Line's client that we tell apart; the others mean "not yet". */
const ONLINE = 2;
const BROKEN: Readonly<Record<number, Kind>> = { 3: 'expired', 4: 'unreachable', 5: 'ended' };
/** How long a break may last before it is worth a word. */
const PATIENCE_MS = 4000;

/** Shows trouble while the connection is away, and takes it back when the client recovers. */
export function watchConnection(directLine: DirectLine, trouble: Trouble): void {
  let worry: number | undefined;
  let met = false;
  directLine.connectionStatus$.subscribe((state) => {
    window.clearTimeout(worry);
    const kind = BROKEN[state];
    if (state === ONLINE) {
      met = true;
      trouble.hide();
    } else if (kind) trouble.show(kind);
    else worry = window.setTimeout(() => trouble.show(met ? 'lost' : 'slow'), PATIENCE_MS);
  });
}
