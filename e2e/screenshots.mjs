// Takes the documentation's pictures from the demo: `npm run pictures`, written to docs/pictures/.
//
// Each picture is taken on a phone and on a desktop, in light and in dark. Where `pngquant` is
// installed the files are made a third of their size.
import { spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, visitor } from './harness/browser.mjs';
import { codeOn } from './harness/chat.mjs';
import { askedToSignIn, choose, SCENES } from './harness/scenes.mjs';

const OUT = fileURLToPath(new URL('../docs/pictures/', import.meta.url));
const DEVICES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const SCHEMES = ['light', 'dark'];

/** What `node:test` would do: `after` collects what has to be put away, last come first served. */
const putAway = [];
const t = { after: (job) => putAway.unshift(job) };

try {
  await mkdir(OUT, { recursive: true });
  const browser = await launch();
  t.after(() => browser.close());
  const scene = await SCENES[0].open(t);
  for (const [device, viewport] of Object.entries(DEVICES)) {
    for (const colorScheme of SCHEMES) {
      const options = { viewport, colorScheme, reducedMotion: 'reduce' };
      const take = (page, name) => page.screenshot({ path: join(OUT, `${name}-${device}-${colorScheme}.png`) });
      await sameBrowser(scene, browser, options, take);
      await otherBrowser(scene, browser, options, take);
    }
  }
  await shrink();
} finally {
  for (const job of putAway) await job();
}

async function sameBrowser(scene, browser, options, take) {
  const person = await visitor(t, browser, options);
  const chat = await askedToSignIn(scene, person);
  await settled(person.page);
  await take(person.page, 'prompt');
  const signIn = await chat.signIn();
  await signIn.getByRole('button', { name: /Ann Archer/ }).waitFor();
  await take(signIn, 'provider');
  await choose(signIn, /Ann Archer/);
  await signIn.getByRole('heading', { name: 'You are signed in' }).waitFor();
  await take(signIn, 'finished');
  await chat.says('Ann, you have 2 trips');
  await chat.shield.waitFor();
  await settled(person.page);
  await take(person.page, 'resumed');
  await person.context.close();
}

async function otherBrowser(scene, browser, options, take) {
  const person = await visitor(t, browser, options);
  const other = await visitor(t, browser, options);
  const chat = await askedToSignIn(scene, person);
  await other.page.goto(await chat.link());
  await other.page.getByRole('button', { name: /^Continue/ }).waitFor();
  await take(other.page, 'confirmation');
  await other.page.getByRole('button', { name: /^Continue/ }).click();
  await choose(other.page, /Ann Archer/);
  await codeOn(other.page);
  await take(other.page, 'code');
  await chat.codeField.waitFor();
  await settled(person.page);
  await take(person.page, 'code-field');
  await Promise.all([person.context.close(), other.context.close()]);
}

/** Waits until Web Chat has stopped scrolling: two looks in a row find the same. */
function settled(page) {
  return page.waitForFunction(() => {
    const transcript = document.querySelector('.webchat__basic-transcript__scrollable');
    const now = `${transcript?.scrollTop} ${transcript?.scrollHeight}`;
    const same = window.lastLook === now;
    window.lastLook = now;
    return same;
  }, undefined, { polling: 300 });
}

async function shrink() {
  const names = (await readdir(OUT)).filter((name) => name.endsWith('.png')).map((name) => join(OUT, name));
  spawnSync('pngquant', ['--force', '--ext', '.png', '--strip', '64', ...names]);
}
