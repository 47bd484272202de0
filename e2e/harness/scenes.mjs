// The settings in which every journey runs: the demo, and a server with a real provider beside it.
import { Chat } from './chat.mjs';
import { folder, write } from './folder.mjs';
import { freePort } from './program.mjs';
import { provider } from './provider.mjs';
import { apply, demo, serve } from './usher.mjs';
import { workspace } from './workspace.mjs';

/**
 * `open(t)` gives a running scene: `chatUrl`, `origin`, `providerOrigin`; `kill()`, which ends the
 * server as a power cut would; and `start()`, which starts it again on what it left behind.
 */
export const SCENES = [
  { name: 'demo', open: openDemo },
  { name: 'real provider', open: openRealProvider },
];

/** Opens the scene's chat and waits until the agent has asked to sign in. */
export async function askedToSignIn(scene, { page }) {
  const chat = await Chat.open(page, scene.chatUrl);
  await chat.button('Sign In').waitFor();
  await chat.waiting.waitFor();
  return chat;
}

/** Presses the button of the person on the provider's own page. */
export async function choose(page, name) {
  await page.getByRole('button', { name }).first().click();
}

async function openDemo(t) {
  const data = await folder(t);
  const listen = `127.0.0.1:${await freePort()}`;
  let program = await demo(t, { data, listen });
  const { chat, rehearsal } = program.announced;
  const chatUrl = (chat.find(({ agent }) => agent === 'travel') ?? chat[0]).url;
  const kill = () => program.kill();
  const start = async () => { program = await demo(t, { data, listen }); };
  return { chatUrl, origin: new URL(chatUrl).origin, providerOrigin: new URL(rehearsal.url).origin, kill, start };
}

async function openRealProvider(t) {
  const server = await serve(t);
  const redirect = `${server.url}/oauth-callback/acme/corp`;
  const { announced } = await provider(t, ['--redirect', redirect]);
  let program = await server.start();
  const directory = await folder(t);
  await write(directory, workspace(announced));
  await apply(t, server, directory, { CORP_CLIENT_SECRET: announced.client_secret });
  const kill = () => program.kill();
  const start = async () => { program = await server.start(); };
  return { chatUrl: `${server.url}/chat/acme/travel`, origin: server.url, providerOrigin: announced.issuer, kill, start };
}
