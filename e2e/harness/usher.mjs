// The program under test: `USHER_BIN`, or the one that `cargo build` has made.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder, write } from './folder.mjs';
import { freePort, Program } from './program.mjs';

const BUILT = fileURLToPath(new URL('../../target/debug/usher', import.meta.url));
const USHER = process.env.USHER_BIN ?? BUILT;

/** `usher demo`: everything on one machine. Its announcement has `url`, `chat` and `rehearsal`. */
export async function demo(t, { data, listen = '127.0.0.1:0' } = {}) {
  const args = ['demo', '--json', '--listen', listen, '--data', data ?? await folder(t)];
  const program = new Program(USHER, args);
  t.after(() => program.stop());
  await program.ready();
  return program;
}

/** `usher serve` on a free port, with settings in a folder of its own. Publish with `apply`. */
export async function serve(t) {
  const home = await folder(t);
  const url = `http://127.0.0.1:${await freePort()}`;
  await write(home, settings(url));
  return { url, home, start: () => startServer(t, home, url) };
}

/** `usher apply`: publishes the workspace in `directory`. */
export async function apply(t, { url, home }, directory, env = {}) {
  const program = new Program(USHER, ['apply', directory, '--server', url, '--key-file', join(home, 'operator')],
    { cwd: home, env });
  t.after(() => program.stop());
  const code = await program.ended();
  if (code !== 0) throw new Error(`usher apply ended with ${code}:\n${program.log}`);
}

async function startServer(t, home, url) {
  const program = new Program(USHER, ['serve', '--config', join(home, 'usher.toml')], { cwd: home });
  t.after(() => program.stop());
  return program.answering(url);
}

function settings(url) {
  const { host } = new URL(url);
  return {
    'usher.toml': `listen = "${host}"
public_url = "${url}"
store = "sqlite:usher.db"
development = true

[keys]
k1 = { file = "sealing" }

[operator]
key = { file = "operator" }
`,
    sealing: randomBytes(32).toString('hex'),
    operator: randomBytes(32).toString('hex'),
  };
}
