// A real browser. Each visitor has cookies of their own.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

/** Launches the browser for one test file: call it from `before` and close it in `after`. */
export function launch() {
  return chromium.launch({ executablePath: executable(), headless: true, args: ARGS });
}

/**
 * Someone with a browser profile of their own.
 *
 * `complaints` collects what no page of ours may cause: reports of the Content-Security-Policy and
 * uncaught errors.
 */
export async function visitor(t, browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  context.setDefaultTimeout(20_000);
  t.after(() => context.close());
  const complaints = [];
  context.on('page', (page) => page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`)));
  context.on('console', (message) => {
    if (isComplaint(message)) complaints.push(`${message.page()?.url()}: ${message.text()}`);
  });
  return { context, complaints, page: await context.newPage() };
}

function isComplaint(message) {
  return /content security policy|trustedhtml|trustedscript/i.test(message.text());
}

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders
    .flatMap((folder) => ['chromium', 'chromium-browser'].map((name) => join(folder, name)))
    .find(isExecutable);
  if (!found) throw new Error('no Chromium found: install the package `chromium`, or name it in CHROMIUM');
  return found;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
