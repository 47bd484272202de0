// A real OpenID provider beside the program under test.
import { fileURLToPath } from 'node:url';
import { Program } from './program.mjs';

const START = fileURLToPath(new URL('../providers/oidc-provider/start.mjs', import.meta.url));

/** Starts the provider; its announcement has `issuer`, `client_id`, `client_secret` and `people`. */
export async function provider(t, args) {
  const program = new Program(process.execPath, ['--no-warnings', START, ...args]);
  t.after(() => program.stop());
  await program.ready();
  return program;
}
