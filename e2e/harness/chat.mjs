// The chat page as a person meets it.

/** Web Chat draws each card a second time for screen readers: the visible button has this class. */
const CARD_BUTTON = '.ac-pushButton';

export class Chat {
  constructor(page) {
    this.page = page;
    this.sendBox = page.locator('[data-id="webchat-sendbox-input"]');
    this.bar = page.locator('#bar');
    this.waiting = page.locator('#waiting');
    this.shield = page.locator('#signed-in');
    this.codeField = page.locator('#code');
    this.codeTrouble = page.locator('#code-trouble:not(:empty)');
    this.trouble = page.locator('#trouble');
    this.timeLeft = page.locator('#time-left');
    this.bubbles = page.locator('.webchat__bubble__content');
  }

  static async open(page, url) {
    await page.goto(url);
    return new Chat(page);
  }

  /** Waits for a bubble with this text, of either side. */
  async says(text) {
    await this.said(text).first().waitFor();
  }

  /** The bubbles that contain this text. */
  said(text) {
    return this.bubbles.filter({ hasText: text });
  }

  /** A button of the newest card. */
  button(title) {
    return this.page.locator(CARD_BUTTON).filter({ hasText: title }).last();
  }

  async type(text) {
    await this.sendBox.fill(text);
    await this.sendBox.press('Enter');
  }

  /** Presses the sign-in button and gives the page it opens. */
  async signIn() {
    const opened = this.page.context().waitForEvent('page');
    await this.button('Sign In').click();
    return opened;
  }

  /** The address behind the sign-in button, as someone would forward it, without opening it. */
  async link() {
    await this.button('Sign In').waitFor();
    const opened = this.page.evaluate(() => new Promise((resolve) => {
      const open = window.open;
      window.open = (url) => { window.open = open; resolve(String(url)); return null; };
    }));
    await this.button('Sign In').click();
    return opened;
  }

  async typeCode(code) {
    await this.codeField.fill(code);
    await this.codeField.press('Enter');
  }
}

/** The code that the page after sign-in shows. */
export async function codeOn(page) {
  const shown = page.locator('.code');
  await shown.waitFor();
  return (await shown.innerText()).replace(/\s/g, '');
}
