/** The bar at the bottom of the message box: waiting, the code field, who is signed in, the time left. */
import { countDown, type Skew } from '../shared/countdown';
import { part } from '../shared/page';
import type { Status } from './status';

export interface BarActions {
  readonly cancel: () => void;
  /** Resolves once the server has taken the code, rightly or wrongly typed; rejects if it refused it. */
  readonly sendCode: (code: string) => Promise<void>;
}

/** Seconds before the end at which someone who cannot see the clock is told once. */
const SOON = 30;

export class Bar {
  readonly #bar = part('bar', HTMLElement);
  readonly #waiting = part('waiting', HTMLElement);
  readonly #open = part('open-sign-in', HTMLAnchorElement);
  readonly #code = part('code-form', HTMLFormElement);
  readonly #codeField = part('code', HTMLInputElement);
  readonly #codeTrouble = part('code-trouble', HTMLElement);
  readonly #signedIn = part('signed-in', HTMLElement);
  readonly #account = part('account', HTMLElement);
  readonly #time = part('time', HTMLElement);
  readonly #timeLeft = part('time-left', HTMLElement);
  readonly #timeTitle = part('time-title', HTMLElement);
  readonly #say = part('say', HTMLElement);
  readonly #actions: BarActions;
  #ticking: { stop: () => void } | null = null;
  #shown: Status['typing'] = 'open';

  constructor(actions: BarActions) {
    this.#actions = actions;
    for (const button of document.querySelectorAll('[data-cancel]')) {
      button.addEventListener('click', actions.cancel);
    }
    this.#code.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submitCode();
    });
  }

  show(status: Status, link: string | null, skew: Skew): void {
    this.#waiting.hidden = status.typing !== 'blocked';
    this.#open.hidden = link === null;
    if (link) this.#open.href = link;
    this.#code.hidden = status.typing !== 'code';
    this.#showAccount(status);
    this.#showTime(status, skew);
    this.#bar.hidden = status.typing === 'open' && !status.signedIn && !status.prompt;
    if (status.typing !== this.#shown) this.#arrive(status.typing);
    this.#shown = status.typing;
  }

  #showAccount({ signedIn, account }: Status): void {
    const label = account ? `Signed in as ${account}` : 'Signed in';
    this.#signedIn.hidden = !signedIn;
    this.#signedIn.setAttribute('aria-label', label);
    if (signedIn && this.#account.textContent !== label) this.#announce(label);
    this.#account.textContent = signedIn ? label : '';
  }

  #showTime({ prompt, typing }: Status, skew: Skew): void {
    this.#ticking?.stop();
    this.#ticking = null;
    this.#time.hidden = !prompt;
    if (!prompt) return;
    this.#timeTitle.textContent = typing === 'code' ? 'Time left for the code' : `${prompt.title}: time left`;
    this.#ticking = countDown(this.#timeLeft, prompt.expires, skew, (left) => {
      this.#time.classList.toggle('time--soon', left <= SOON);
      if (left === SOON) this.#announce(`${SOON} seconds left to sign in.`);
    });
  }

  /** The send box has gone or come back: whoever stood in it is led to what took its place. */
  #arrive(typing: Status['typing']): void {
    this.#codeTrouble.textContent = '';
    this.#codeField.value = '';
    if (typing === 'blocked') this.#announce('Waiting for you to sign in. You can cancel any time.');
    if (typing !== 'code') return;
    this.#announce('Type the code from the sign-in page.');
    this.#codeField.focus();
  }

  async #submitCode(): Promise<void> {
    const code = this.#codeField.value.trim();
    if (code === '') return;
    this.#codeTrouble.textContent = '';
    try {
      await this.#actions.sendCode(code);
      this.#codeField.value = '';
    } catch {
      this.#codeTrouble.textContent = 'That did not go through. Check the code and try again.';
      this.#codeField.select();
    }
  }

  #announce(text: string): void {
    this.#say.textContent = text;
  }
}
