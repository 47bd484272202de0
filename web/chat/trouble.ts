/** What the person is told when the chat cannot go on by itself, with a button that tries again. */
import { part } from '../shared/page';

const TEXTS = {
  unreachable: 'The assistant cannot be reached right now. Your conversation is kept.',
  slow: 'Still connecting to the assistant. One moment, please.',
  lost: 'The connection was lost. Trying to get it back; nothing you wrote is gone.',
  expired: 'This chat was idle for a long time and has been paused. Your conversation is kept.',
  ended: 'This conversation has ended.',
} as const;

type Kind = keyof typeof TEXTS;

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
export class Watch {
  readonly #trouble: Trouble;
  #worry: number | undefined;

  constructor(trouble: Trouble) {
    this.#trouble = trouble;
    watchSockets(() => this.#well(), () => this.#worryAbout('lost'));
    this.#worryAbout('slow');
  }

  /** To be called once `directLine` exists; its sockets are watched from the beginning. */
  follow(directLine: DirectLine): void {
    directLine.connectionStatus$.subscribe((state) => {
      const kind = BROKEN[state];
      if (state === ONLINE) this.#well();
      else if (kind) this.fail(kind);
    });
  }

  fail(kind: Kind): void {
    window.clearTimeout(this.#worry);
    this.#trouble.show(kind);
  }

  #well(): void {
    window.clearTimeout(this.#worry);
    this.#trouble.hide();
  }

  #worryAbout(kind: Kind): void {
    window.clearTimeout(this.#worry);
    this.#worry = window.setTimeout(() => this.#trouble.show(kind), PATIENCE_MS);
  }
}

/**
 * Tells when the stream opens and closes.
 *
 * Direct Line's client keeps its state "online" while its socket is gone and it waits for its next try,
 * and offers no other sign. So the socket itself is watched.
 */
function watchSockets(opened: () => void, closed: () => void): void {
  window.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('open', opened);
      this.addEventListener('close', closed);
    }
  };
}
