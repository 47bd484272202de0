// Builds everything the browser loads into dist/assets, which the server embeds.
//
// Third-party code is copied out of the locked npm packages and checked against a fingerprint, so a
// build never ships a file that nobody has looked at. Nothing of it is committed.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = `${here}dist/assets/`;
const webChat = `${here}node_modules/botframework-webchat/dist/webchat.js`;
const WEB_CHAT_SHA256 = '0a68ad0a64fc04d621197da10c3eec0f843e16f7d03f6bcbed29b47517cf9bff';

await refuseUnknown(webChat, WEB_CHAT_SHA256);
await rm(`${here}dist`, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await Promise.all([
  copyFile(webChat, `${out}webchat.js`),
  copyFile(`${webChat}.LICENSE.txt`, `${out}webchat.js.LICENSE.txt`),
  copyFile(`${here}pages/usher.svg`, `${out}usher.svg`),
  build({
    entryPoints: { chat: `${here}chat/chat.ts`, pages: `${here}pages/pages.ts`, usher: `${here}pages/usher.css` },
    outdir: out,
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['es2022'],
    legalComments: 'none',
    logLevel: 'warning',
  }),
]);

async function refuseUnknown(path, expected) {
  const found = createHash('sha256').update(await readFile(path)).digest('hex');
  if (found !== expected) {
    throw new Error(`${path} is not the file that was reviewed: sha256 ${found}, expected ${expected}`);
  }
}
