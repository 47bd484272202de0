// Starts a program, waits until it says that it is ready, and ends exactly that process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const READY_WITHIN_MS = 60_000;
const ENDED_WITHIN_MS = 10_000;

/**
 * A running program. `announced` is the JSON object of the first such line on its standard output, or
 * `null` if nobody waited for one. `log` is all it has printed, for the message of a failed test.
 */
export class Program {
  #child;
  #lines = [];
  announced = null;

  constructor(command, args, { env = {}, cwd } = {}) {
    this.#child = spawn(command, args, {
      cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.name = `${command} ${args.join(' ')}`;
    this.output = createInterface({ input: this.#child.stdout });
    this.output.on('line', (line) => this.#lines.push(line));
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#lines.push(line));
    this.#child.on('error', (error) => this.#lines.push(String(error)));
  }

  get log() {
    return this.#lines.slice(-60).join('\n');
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined;
  }

  /** Waits for the one line of JSON by which the program says where it is. */
  async ready() {
    const line = await this.#within(READY_WITHIN_MS, 'did not get ready', (done) => {
      this.output.on('line', (text) => text.startsWith('{') && done(text));
    });
    this.announced = JSON.parse(line);
    return this;
  }

  /** Waits until `url` answers anything at all. */
  async answering(url) {
    await this.#within(READY_WITHIN_MS, `did not answer at ${url}`, (done) => {
      const timer = setInterval(() => fetch(url).then(() => { clearInterval(timer); done(); }, () => {}), 100);
      this.#child.once('exit', () => clearInterval(timer));
    });
    return this;
  }

  /** Waits for the end and gives the exit code. */
  async ended() {
    if (this.running) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** Asks the program to end, and makes it end if it will not. */
  async stop() {
    if (!this.running) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ENDED_WITHIN_MS);
    await gone;
    clearTimeout(timer);
  }

  /** Ends the program as a power cut would: without a word. */
  async kill() {
    if (!this.running) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #within(limit, what, begin) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${this.name} ${what}: ${why}\n${this.log}`));
      const timer = setTimeout(() => fail(`not within ${limit / 1000} s`), limit);
      const done = (value) => { clearTimeout(timer); resolve(value); };
      this.#child.once('exit', (code, signal) => { clearTimeout(timer); fail(`it ended (${code ?? signal})`); });
      this.#child.once('error', () => { clearTimeout(timer); fail('it could not be started'); });
      begin(done);
    });
  }
}

/** A port of the loopback address that was free a moment ago. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
