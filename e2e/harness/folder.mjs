// Folders that live as long as one test.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A new empty folder, removed when the test `t` is over. */
export async function folder(t) {
  const path = await mkdtemp(join(tmpdir(), 'usher-e2e-'));
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}

/** Writes `files`, an object of relative path to text, below `root`. */
export async function write(root, files) {
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o600 });
  }
}
